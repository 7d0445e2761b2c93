import { reasonOf } from './reason.ts'
import { ZerodropError } from './zerodrop-error.ts'

/**
 * Runs the steps of a drain or a handover, so that a failing step does not prevent the next one. It reports
 * errors once for each kind of step, with `ERR_ZERODROP_STEP_FAILED`: ten thousand connections that fail
 * alike make one report.
 */
export class Attempts {
  readonly #onError: (error: ZerodropError) => void
  readonly #failed = new Set<string>()

  constructor(onError: (error: ZerodropError) => void) {
    this.#onError = onError
  }

  /**
   * Runs a step at once. Never throws.
   * @param step the step's name, such as "closing a listening socket"
   * @returns the step's result; undefined if it throws
   */
  run<Result>(step: string, act: () => Result): Result | undefined {
    try {
      return act()
    } catch (cause) {
      this.#report(step, cause)
      return undefined
    }
  }

  /** Runs a step and waits for it. Never rejects. */
  async wait<Result>(step: string, act: () => Result): Promise<Awaited<Result> | undefined> {
    try {
      return await act()
    } catch (cause) {
      this.#report(step, cause)
      return undefined
    }
  }

  /** Makes a listener that never throws. */
  guard<Args extends unknown[]>(step: string, listener: (...args: Args) => void): (...args: Args) => void {
    return (...args) => this.run(step, () => listener(...args))
  }

  #report(step: string, cause: unknown): void {
    if (this.#failed.has(step)) return
    this.#failed.add(step)
    const text =
      `A step failed, and zerodrop went on with the next: ${step}: ${reasonOf(cause)}. ` +
      'The cause says where; this is reported once.'
    try {
      this.#onError(new ZerodropError('ERR_ZERODROP_STEP_FAILED', text, { cause }))
    } catch {
      // A listener that fails must not prevent the next step either.
    }
  }
}
