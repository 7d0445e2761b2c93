import type { Release, System } from '../system/system.ts'

/** How long the application may take to listen on all inherited addresses, in milliseconds. */
const longest = 10_000

/**
 * Decides when a process without `manualReady` is ready: as soon as it listens on every address that it
 * inherited. An application that no longer opens an address looks like one that opens it a little later, so
 * the first listener starts a wait. The predecessor serves in the meantime, and a slow deploy is better than
 * a lost request.
 */
export class InheritedWait {
  readonly #system: System
  readonly #timeout: number
  readonly #onReady: () => void
  #stopWaiting: Release | undefined

  /**
   * @param readyTimeout milliseconds that the predecessor waits: half of them are left for the work before
   * `listen()`
   */
  constructor(system: System, readyTimeout: number, onReady: () => void) {
    this.#system = system
    this.#timeout = Math.min(longest, readyTimeout / 2)
    this.#onReady = onReady
  }

  /** @param missing on how many inherited addresses nothing listens yet */
  onListening(missing: number): void {
    if (missing === 0) this.#ready()
    else this.#stopWaiting ??= this.#system.setTimeout(() => this.#ready(), this.#timeout)
  }

  /** Nothing listens anymore: the next listener counts as the first. */
  reset(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = undefined
  }

  #ready(): void {
    this.reset()
    this.#onReady()
  }
}
