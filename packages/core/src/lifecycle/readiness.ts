import type { Release, System } from '../system/system.ts'

/** How long an inherited listener that nobody has asked for yet may still be asked for. */
const patience = 10_000

/**
 * Decides when a process that was told nothing is ready: as soon as it listens on everything it inherited. If the new
 * version no longer opens one of those, nothing tells this from an application that opens it a little later, so the
 * first listener starts a wait; the predecessor serves meanwhile, and a slow deploy is better than a lost request.
 */
export class Readiness {
  readonly #system: System
  readonly #onReady: () => void
  #stopWaiting: Release | undefined

  constructor(system: System, onReady: () => void) {
    this.#system = system
    this.#onReady = onReady
  }

  /** @param missing how many inherited listeners nobody has asked for yet */
  onListening(missing: number): void {
    if (missing === 0) this.#ready()
    else this.#stopWaiting ??= this.#system.setTimeout(() => this.#ready(), patience)
  }

  dispose(): void {
    this.#stopWaiting?.()
  }

  #ready(): void {
    this.dispose()
    this.#onReady()
  }
}
