import type { Reporter } from '../events/reporter.ts'
import { sameStop } from '../signals/signal-actions.ts'
import type { System } from '../system/system.ts'

/**
 * Tells a second request to stop from the first one that arrives twice.
 *
 * A stop that is sent to a whole process group reaches the process once by itself, and once more from a parent that passes
 * it on: npm, a cluster's primary, a shell. And what this process sends to itself, as libraries do that raise a signal again
 * when they have done their part, is no operator's request.
 */
export class RepeatedStops {
  readonly #system: System
  readonly #reporter: Reporter
  #first: NodeJS.Signals | undefined
  #open = false
  #told = false
  /** Signals that code of this process has sent to it, and that have not arrived. */
  readonly #own = new Map<NodeJS.Signals, number>()

  constructor(system: System, reporter: Reporter) {
    this.#system = system
    this.#reporter = reporter
  }

  /**
   * The first request has arrived.
   * @param onOver called when the next one is another
   */
  begin(signal: NodeJS.Signals, onOver: () => void): void {
    this.#first = signal
    this.#open = true
    // To the end of the process.
    this.#system.onOwnKill((own) => this.#own.set(own, (this.#own.get(own) ?? 0) + 1))
    this.#system.setIdleTimeout(() => {
      // What arrived while the event loop was blocked is delivered by the poll behind this timer.
      this.#system.setImmediate(() => {
        this.#open = false
        onOver()
        this.#reporter.tell('drain:forceable', { signal })
      })
    }, sameStop)
  }

  /** Whether a request to stop is not a new one. Says so once. */
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
