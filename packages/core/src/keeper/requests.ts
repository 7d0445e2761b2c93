import { ZerodropError } from '../errors/zerodrop-error.ts'
import { type FromKeeper, toWire, type ToKeeper } from '../system/keeper-protocol.ts'
import type { Child } from '../system/keeper-system.ts'
import type { Reply } from './revival.ts'

type Answer = ToKeeper & { type: 'answer' }

/** The requests through the control socket that generations have yet to answer. */
export class Requests {
  readonly #pending = new Map<number, { readonly to: Child; readonly settle: (answer?: Answer) => void }>()
  #lastId = 0

  /**
   * Sends a request to a generation, and resolves with its answer.
   *
   * Rejects with `ERR_ZERODROP_NOT_SERVING` if the generation ends without an answer.
   */
  send(to: Child, what: (FromKeeper & { type: 'ask' })['what']): Promise<Reply> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const settle = (answer?: Answer): void => {
        this.#pending.delete(id)
        if (answer === undefined) reject(notServing())
        else resolve(answer)
      }
      this.#pending.set(id, { to, settle })
      to.send(toWire({ type: 'ask', id, what }))
    })
  }

  answered(answer: Answer): void {
    this.#pending.get(answer.id)?.settle(answer)
  }

  /** Rejects the requests to a generation that has ended. */
  ended(generation: Child): void {
    for (const { to, settle } of this.#pending.values()) if (to === generation) settle()
  }
}

export function notServing(): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_NOT_SERVING',
    'The application does not serve. Look at what it prints, and ask again once it listens. If it listens already, it does not use ' +
      'zerodrop: add it, or start it without --no-register.',
  )
}
