/** The longest wait before a crashed application is started again, in milliseconds. */
const longest = 30_000

/** An application that has served for so many milliseconds is well: the next crash is the first again. */
const wellAfter = 60_000

/** How long to wait before an application that crashes again and again is started again: 1.5 to the n seconds. */
export class Backoff {
  readonly #clock: { now(): number }
  #crashes = 0
  #servingSince: number | undefined

  constructor(clock: { now(): number }) {
    this.#clock = clock
  }

  /** The application serves. */
  succeeded(): void {
    this.#servingSince = this.#clock.now()
  }

  /** The application has crashed. Returns how many crashes in a row that makes. */
  failed(): number {
    const since = this.#servingSince
    this.#servingSince = undefined
    if (since !== undefined && this.#clock.now() - since >= wellAfter) this.#crashes = 0
    return ++this.#crashes
  }

  /** Milliseconds to wait. The first crash of an application that had served is made good at once. */
  get delay(): number {
    return this.#crashes <= 1 ? 0 : Math.min(longest, Math.round(1000 * 1.5 ** (this.#crashes - 1)))
  }
}
