import { constants } from 'node:os'
import type { Release, SignalSystem } from '../system/system.ts'

/** A receiver of signals. */
export interface Receiver {
  receive(signal: NodeJS.Signals): void
}

/**
 * Signals that stay handled for good: with the kernel's default action they would end the process, while
 * Node ignores the first two at startup and has its own handler for the third.
 */
const neverReleased: ReadonlySet<string> = new Set(['SIGPIPE', 'SIGXFSZ', 'SIGUSR1'])

/** Tracks the receivers of each signal. Each signal has one handler, from its first receiver to its last. */
export class SignalHub {
  readonly #system: SignalSystem
  readonly #receivers = new Map<NodeJS.Signals, Set<Receiver>>()
  readonly #ignored = new Set<NodeJS.Signals>()
  readonly #taken = new Map<NodeJS.Signals, Release>()
  /** Functions that cancel the return of a signal to its default action. */
  readonly #leaving = new Map<NodeJS.Signals, Release>()
  /** Of these signals, the ones that arrived when they had no receiver anymore. */
  readonly #late = new Set<NodeJS.Signals>()

  constructor(system: SignalSystem) {
    this.#system = system
  }

  add(receiver: Receiver, signals: readonly NodeJS.Signals[]): void {
    for (const signal of signals) {
      this.#ignored.delete(signal)
      this.#receiversOf(signal).add(receiver)
      this.#take(signal)
      if (this.#late.delete(signal)) receiver.receive(signal)
    }
  }

  remove(receiver: Receiver): void {
    for (const [signal, receivers] of this.#receivers) {
      if (receivers.delete(receiver)) this.#releaseLater(signal)
    }
  }

  /** Removes all receivers of these signals, and suppresses their default action. */
  ignore(signals: readonly NodeJS.Signals[]): void {
    for (const signal of signals) {
      this.#receivers.delete(signal)
      this.#ignored.add(signal)
      this.#take(signal)
      this.#late.delete(signal)
    }
  }

  /** Removes all receivers of these signals, and restores their default action. */
  reset(signals: readonly NodeJS.Signals[]): void {
    for (const signal of signals) {
      this.#receivers.delete(signal)
      this.#ignored.delete(signal)
      this.#releaseLater(signal)
    }
  }

  isIgnored(signal: NodeJS.Signals): boolean {
    if (this.#isWanted(signal)) return this.#ignored.has(signal)
    return (this.#taken.has(signal) && neverReleased.has(signal)) || this.#system.isSignalIgnored(signal)
  }

  /** The signals that are handled. */
  get taken(): NodeJS.Signals[] {
    return [...this.#taken.keys()]
  }

  #take(signal: NodeJS.Signals): void {
    this.#stay(signal)
    if (this.#taken.has(signal)) return
    this.#taken.set(
      signal,
      this.#system.onSignal(signal, () => this.#onSignal(signal)),
    )
  }

  #onSignal(signal: NodeJS.Signals): void {
    if (this.#leaving.has(signal)) this.#late.add(signal)
    // A copy, because a receiver may stop or add others.
    const receivers = [...this.#receiversOf(signal)]
    for (const receiver of receivers) receiver.receive(signal)
  }

  /**
   * Restores the default action after a whole event loop tick. When the last handler of a signal is removed,
   * Node drops a signal that the kernel has delivered but the loop has not; such a signal is raised again.
   */
  #releaseLater(signal: NodeJS.Signals): void {
    if (this.#isWanted(signal) || neverReleased.has(signal)) return
    this.#stay(signal)
    // The first runs after this tick's poll, the second after a poll that began later than this call.
    const first = this.#system.setImmediate(() => {
      this.#leaving.set(
        signal,
        this.#system.setImmediate(() => this.#release(signal)),
      )
    })
    this.#leaving.set(signal, first)
  }

  #stay(signal: NodeJS.Signals): void {
    this.#leaving.get(signal)?.()
    this.#leaving.delete(signal)
  }

  #release(signal: NodeJS.Signals): void {
    this.#leaving.delete(signal)
    this.#taken.get(signal)?.()
    this.#taken.delete(signal)
    // Another handler in the process has seen it.
    if (!this.#late.delete(signal) || this.#system.hasSignalListener(signal)) return
    if (raisable(signal)) this.#system.kill(this.#system.pid, signal)
  }

  #isWanted(signal: NodeJS.Signals): boolean {
    return this.#ignored.has(signal) || this.#hasReceiver(signal)
  }

  #hasReceiver(signal: NodeJS.Signals): boolean {
    return (this.#receivers.get(signal)?.size ?? 0) > 0
  }

  #receiversOf(signal: NodeJS.Signals): Set<Receiver> {
    const receivers = this.#receivers.get(signal) ?? new Set()
    this.#receivers.set(signal, receivers)
    return receivers
  }
}

/** On Windows, no process can raise these. */
function raisable(signal: NodeJS.Signals): boolean {
  return !('SIGBREAK' in constants.signals) || ['SIGINT', 'SIGTERM', 'SIGQUIT'].includes(signal)
}
