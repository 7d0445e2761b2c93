import type { Socket } from 'node:net'
import { show } from '../errors/reason.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { MigrationPolicy } from '../options/options.ts'

/** Asks the application which connections may move. */
export class MigrationPermit {
  readonly #onWarning: (error: ZerodropError) => void
  #warned = false

  /** @param onWarning called once, with the first failure */
  constructor(onWarning: (error: ZerodropError) => void) {
    this.#onWarning = onWarning
  }

  allows(policy: MigrationPolicy, socket: Socket): boolean {
    if (typeof policy === 'boolean') return policy
    try {
      const verdict: unknown = policy(socket)
      if (typeof verdict === 'boolean') return verdict
      // The promise of an async function may reject, and no other code handles it.
      Promise.resolve(verdict).catch(() => {})
      this.#warn(`returned ${show(verdict)}, which is neither true nor false`)
    } catch (cause) {
      this.#warn(`threw ${show(cause)}`, cause)
    }
    return false
  }

  #warn(what: string, cause?: unknown): void {
    if (this.#warned) return
    this.#warned = true
    const text =
      `The function "migrate" ${what}. Each connection for which it does that is drained instead of moved; ` +
      'this is said once.'
    this.#onWarning(new ZerodropError('ERR_ZERODROP_MIGRATE_FAILED', text, { cause }))
  }
}
