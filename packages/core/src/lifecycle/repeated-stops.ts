import type { Reporter } from '../events/reporter.ts'
import { sameStop } from '../signals/signal-actions.ts'
import type { System } from '../system/system.ts'

/**
 * Distinguishes a second request to stop from a first one that arrives twice.
 *
 * A stop signal to a whole process group reaches the process once directly, and once more from a parent that
 * passes it on: npm, a cluster's primary, a shell. And a signal that this process sends to itself, as
 * libraries do when they have finished, is not an operator's request.
 */
export class RepeatedStops {
  readonly #system: System
  readonly #reporter: Reporter
  #first: NodeJS.Signals | undefined
  #open = false
  #told = false
  /** Signals that code in this process has sent to the process itself and that have not arrived yet. */
  readonly #own = new Map<NodeJS.Signals, number>()

  constructor(system: System, reporter: Reporter) {
    this.#system = system
    this.#reporter = reporter
  }

  /**
   * The first request has arrived.
   * @param onOver called when the next signal counts as a second request
   */
  begin(signal: NodeJS.Signals, onOver: () => void): void {
    this.#first = signal
    this.#open = true
    // Stays until the end of the process.
    this.#system.onOwnKill((own) => this.#own.set(own, (this.#own.get(own) ?? 0) + 1))
    this.#system.setIdleTimeout(() => {
      // The poll after this timer delivers signals that arrived while the event loop was blocked.
      this.#system.setImmediate(() => {
        this.#open = false
        onOver()
        this.#reporter.tell('drain:forceable', { signal })
      })
    }, sameStop)
  }

  /** Whether a stop signal repeats the first request. Says so once. */
  isRepeated(signal: NodeJS.Signals): boolean {
    const own = this.#own.get(signal) ?? 0
    if (own > 0) this.#own.set(signal, own - 1)
    if (own === 0 && !this.#open) return false
    if (!this.#told)
      this.#reporter.tell('signal:merged', { signal, first: this.#first ?? signal, own: own > 0 })
    this.#told = true
    return true
  }
}
