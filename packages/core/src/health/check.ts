import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'
import { within } from '../system/within.ts'
import { defaultHealth, type HealthCheck, type HealthCheckOptions } from './options.ts'

/** The result of a check. */
export interface CheckResult {
  readonly name: string
  /** Undefined if it passed. */
  readonly error: ZerodropError | undefined
  readonly milliseconds: number
}

/** A check that has to pass for the process to be ready. It never runs twice at the same time. */
export class Check {
  readonly name: string
  readonly #system: System
  readonly #check: HealthCheck
  readonly #timeout: number
  readonly #cache: number
  #last: { readonly until: number; readonly result: CheckResult } | undefined
  #running: Promise<CheckResult> | undefined
  /** When a run began that has timed out and not ended yet. */
  #hanging: number | undefined

  constructor(system: System, name: string, options: HealthCheck | HealthCheckOptions) {
    const { check, timeout, cache } = typeof options === 'function' ? { check: options } : options
    this.name = name
    this.#system = system
    this.#check = check
    this.#timeout = timeout ?? defaultHealth.timeout
    this.#cache = cache ?? defaultHealth.cache
  }

  /** Never rejects. */
  run(): Promise<CheckResult> {
    if (this.#last !== undefined && this.#system.now() < this.#last.until)
      return Promise.resolve(this.#last.result)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<CheckResult> {
    const begun = this.#system.now()
    const error = this.#hanging === undefined ? await this.#ask(begun) : this.#late(begun - this.#hanging)
    const now = this.#system.now()
    const result = { name: this.name, error, milliseconds: now - begun }
    this.#last = { until: now + this.#cache, result }
    return result
  }

  async #ask(begun: number): Promise<ZerodropError | undefined> {
    const abort = new AbortController()
    const answer = this.#answer(abort.signal).finally(() => {
      this.#hanging = undefined
    })
    return within(this.#system, answer, {
      timeout: this.#timeout,
      onTimeout: () => {
        this.#hanging = begun
        abort.abort()
        return this.#late(this.#timeout)
      },
    })
  }

  async #answer(signal: AbortSignal): Promise<ZerodropError | undefined> {
    try {
      return (await this.#check(signal)) === false ? this.#failed('it returned false') : undefined
    } catch (cause) {
      // Any value can be thrown, even one that cannot be converted to a string.
      return this.#failed(cause instanceof Error ? cause.message : inspect(cause, { depth: 0 }), cause)
    }
  }

  #failed(reason: string, cause?: unknown): ZerodropError {
    const text = `The health check "${this.name}" failed, and the process is not ready: ${reason}`
    return new ZerodropError('ERR_ZERODROP_CHECK_FAILED', text, { cause })
  }

  #late(milliseconds: number): ZerodropError {
    return new ZerodropError(
      'ERR_ZERODROP_CHECK_TIMEOUT',
      `The health check "${this.name}" has not answered within ${Math.round(milliseconds)} ms, and the process is not ready. ` +
        'Look for what it waits for, or give it more "timeout".',
    )
  }
}
