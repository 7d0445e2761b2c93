/** The longest wait before a crashed application is started again, in milliseconds. */
const longest = 30_000

/** After an application has served for this many milliseconds, its next crash counts as the first again. */
const wellAfter = 60_000

/**
 * Computes the delay before a crashed application starts again: 1.5 to the power of n - 1 seconds after the
 * nth crash in a row.
 */
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

  /** The application has crashed. Returns the number of crashes in a row. */
  failed(): number {
    const since = this.#servingSince
    this.#servingSince = undefined
    if (since !== undefined && this.#clock.now() - since >= wellAfter) this.#crashes = 0
    return ++this.#crashes
  }

  /** The application may start from new code: its next crash counts as the second in a row at most. */
  renew(): void {
    this.#crashes = Math.min(this.#crashes, 1)
  }

  /** The number of crashes in a row. */
  get crashes(): number {
    return this.#crashes
  }

  /** Milliseconds to wait; 0 after the first crash. */
  get delay(): number {
    return this.#crashes <= 1 ? 0 : Math.min(longest, Math.round(1000 * 1.5 ** (this.#crashes - 1)))
  }
}
