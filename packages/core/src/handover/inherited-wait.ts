import type { Release, System } from '../system/system.ts'

/** The longest that an inherited listener that nobody has asked for yet may still be asked for. */
const longest = 10_000

/**
 * Decides when a process that was told nothing is ready: as soon as it listens on everything it inherited. If the new
 * version no longer opens one of those, nothing tells this from an application that opens it a little later, so the
 * first listener starts a wait; the predecessor serves meanwhile, and a slow deploy is better than a lost request.
 */
export class InheritedWait {
  readonly #system: System
  readonly #timeout: number
  readonly #onReady: () => void
  #stopWaiting: Release | undefined

  /** @param readyTimeout milliseconds that the predecessor gives this process: half of them are for what it does before */
  constructor(system: System, readyTimeout: number, onReady: () => void) {
    this.#system = system
    this.#timeout = Math.min(longest, readyTimeout / 2)
    this.#onReady = onReady
  }

  /** @param missing how many inherited listeners nobody has asked for yet */
  onListening(missing: number): void {
    if (missing === 0) this.#ready()
    else this.#stopWaiting ??= this.#system.setTimeout(() => this.#ready(), this.#timeout)
  }

  /** Nothing listens any more: what listens next is the first. */
  reset(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
  }

  #ready(): void {
    this.reset()
    this.#onReady()
  }
}
