import type { Address } from '../../listeners/address.ts'
import type { Release } from '../../system/system.ts'
import type { Successor } from '../successor.ts'
import type { Departure } from './move.ts'

type Answer = 'taken' | 'declined' | 'gone'

/** Sends connections to the successor, and waits for its answer to each. */
export class LiveOffers {
  readonly #successor: Successor
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #id = 0

  constructor(successor: Successor) {
    this.#successor = successor
  }

  listen(): Release {
    return this.#successor.on('live-answer', ({ id, taken }) =>
      this.#waiting.get(id)?.(taken ? 'taken' : 'declined'),
    )
  }

  /**
   * There is no time limit: a slow successor may still take it, and if two processes read one connection,
   * each would get a part of its messages. Only the successor's answer, its end, or `giveUp()` ends the wait.
   */
  async make(listener: Address, { offer, handle }: Departure): Promise<{ id: number; answer: Answer }> {
    const id = ++this.#id
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve)
      this.#successor
        .sendLive(id, listener, offer, handle)
        .catch(() => resolve(this.#successor.connected ? 'declined' : 'gone'))
    })
    this.#waiting.delete(id)
    return { id, answer }
  }

  /**
   * Forwards the application's call of a method of a WebSocket that was taken. No caller waits for the
   * result.
   */
  sendLate(id: number, call: string): void {
    this.#successor.sendLate(id, call).catch(() => {})
  }

  giveUp(): void {
    for (const answer of this.#waiting.values()) answer('gone')
  }
}
