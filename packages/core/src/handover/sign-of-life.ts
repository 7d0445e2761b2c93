import type { Release, System } from '../system/system.ts'
import type { Successor } from './successor.ts'

/** How often a successor is asked, in milliseconds. */
export const interval = 1000

/**
 * After this many unanswered questions, a successor counts as hung. This counts questions instead of time: a
 * process that was blocked itself, or a machine that was asleep, has asked only once. An event loop that is
 * blocked for five seconds is only slow.
 */
export const mostUnanswered = 9

/** How long it takes until a successor counts as hung, in milliseconds. */
export const hangTime: number = interval * mostUnanswered

/**
 * Asks a ready successor whether it is alive: a successor whose event loop is blocked for good takes the
 * service down.
 */
export class SignOfLife {
  /** Resolves when the successor has not answered for so long that it counts as hung. */
  readonly lost: Promise<void>
  readonly #system: System
  readonly #successor: Successor
  readonly #releases: Release[] = []
  #stopWaiting: Release = () => {}
  readonly #waiting = new Map<number, () => void>()
  #lose: () => void = () => {}
  #asked = 0
  #unanswered = 0

  constructor(system: System, successor: Successor) {
    this.#system = system
    this.#successor = successor
    this.lost = new Promise((resolve) => {
      this.#lose = resolve
    })
    this.#releases.push(
      successor.onAny(() => {
        // Any message shows that it is alive.
        this.#unanswered = 0
      }),
      successor.on('alive', ({ id }) => this.#answered(id)),
    )
    this.#tick()
  }

  /** Resolves when the successor has answered a question that was asked after this call. */
  confirmed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(this.#ask(), resolve)
    })
  }

  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
    this.#stopWaiting()
    this.#waiting.clear()
  }

  #tick(): void {
    if (this.#unanswered >= mostUnanswered) {
      this.dispose()
      this.#lose()
      return
    }
    this.#ask()
    this.#unanswered++
    this.#stopWaiting = this.#system.setTimeout(() => this.#tick(), interval)
  }

  /** Asks the successor. If that fails, it has died, which other code handles. */
  #ask(): number {
    const id = ++this.#asked
    this.#successor.sendAsk(id)
    return id
  }

  #answered(id: number): void {
    for (const [asked, resolve] of this.#waiting) {
      if (asked > id) continue
      this.#waiting.delete(asked)
      resolve()
    }
  }
}
