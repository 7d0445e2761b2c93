import type { Release } from '../system/system.ts'
import type { ConnectionOffer, Successor } from './successor.ts'

/**
 * Whether the successor has taken a connection; if not, whether it has a server at the address, or has died.
 */
export type Answer = 'taken' | 'declined' | 'not-listening' | 'gone'

/** Tracks the connections on their way to the successor, until it has answered. */
export class ConnectionOffers {
  readonly #successor: Successor
  /** The callbacks for the answers, by the id of the message. */
  readonly #open = new Map<number, (answer: Answer) => void>()
  #made = 0

  constructor(successor: Successor) {
    this.#successor = successor
  }

  /** How many have been made so far. */
  get made(): number {
    return this.#made
  }

  /** Listens for the answers. */
  listen(): Release {
    const releases = [
      this.#successor.on('taken', ({ ids }) => this.#answer(ids, 'taken')),
      this.#successor.on('declined', ({ ids, listening }) =>
        this.#answer(ids, listening ? 'declined' : 'not-listening'),
      ),
    ]
    return () => {
      for (const release of releases) release()
    }
  }

  /**
   * Offers a connection. There is no time limit: a slow successor may still take it, and if two processes
   * read one connection, each would get a part of its requests. Only the successor's answer, its end, or
   * `giveUp()` ends the wait.
   */
  make(connection: ConnectionOffer, handle: unknown): Promise<Answer> {
    const id = ++this.#made
    return new Promise<Answer>((resolve) => {
      this.#open.set(id, resolve)
      this.#successor
        .sendConnection(id, connection, handle)
        .catch(() => resolve(this.#successor.connected ? 'declined' : 'gone'))
    }).finally(() => this.#open.delete(id))
  }

  /** The drain is over, or the successor is gone. */
  giveUp(): void {
    for (const answer of this.#open.values()) answer('gone')
  }

  #answer(ids: readonly number[], answer: Answer): void {
    for (const id of ids) this.#open.get(id)?.(answer)
  }
}
