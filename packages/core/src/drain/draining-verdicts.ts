import type { DrainingPolicy, DrainingVerdict } from './refusal.ts'
import { show } from '../errors/reason.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/** Asks the application whether to serve a request while its server drains. An invalid answer serves it. */
export class DrainingVerdicts {
  readonly #onWarning: (error: ZerodropError) => void
  #warned = false

  /** @param onWarning called once, with the first failure */
  constructor(onWarning: (error: ZerodropError) => void) {
    this.#onWarning = onWarning
  }

  of<Request>(policy: DrainingPolicy<Request>, request: Request): DrainingVerdict {
    if (typeof policy !== 'function') return policy
    try {
      const verdict: unknown = policy(request)
      if (verdict === 'serve' || verdict === 'refuse') return verdict
      // The promise of an async function may reject, and no other code handles it.
      Promise.resolve(verdict).catch(() => {})
      this.#warn(`returned ${show(verdict)}, which is neither 'serve' nor 'refuse'`)
    } catch (cause) {
      this.#warn(`threw ${show(cause)}`, cause)
    }
    return 'serve'
  }

  #warn(what: string, cause?: unknown): void {
    if (this.#warned) return
    this.#warned = true
    const text =
      `The function "onDrainingRequest" ${what}. Each request for which it does that is served; ` +
      'this is said once.'
    this.#onWarning(new ZerodropError('ERR_ZERODROP_DRAINING_POLICY_FAILED', text, { cause }))
  }
}
