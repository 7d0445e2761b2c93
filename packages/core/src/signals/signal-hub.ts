import { constants } from 'node:os'
import type { Release, SignalSystem } from '../system/system.ts'

/** Somebody who is told of signals. */
export interface Receiver {
  receive(signal: NodeJS.Signals): void
}

/**
 * Signals that, given back to the kernel, would end the process where Node as it started did not: it ignores the first
 * two and has a handler of its own for the third. They are taken for good.
 */
const neverReleased: ReadonlySet<string> = new Set(['SIGPIPE', 'SIGXFSZ', 'SIGUSR1'])

/** Who wants which signal of the process. One handler for each signal, from the first who wants it to the last. */
export class SignalHub {
  readonly #system: SignalSystem
  readonly #receivers = new Map<NodeJS.Signals, Set<Receiver>>()
  readonly #ignored = new Set<NodeJS.Signals>()
  readonly #taken = new Map<NodeJS.Signals, Release>()
  /** Calls off that a signal is given back. */
  readonly #leaving = new Map<NodeJS.Signals, Release>()
  /** Of those, the signals that arrived when nobody wanted them any more. */
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

  /** Nobody gets these signals any more, nor does their default action happen. */
  ignore(signals: readonly NodeJS.Signals[]): void {
    for (const signal of signals) {
      this.#receivers.delete(signal)
      this.#ignored.add(signal)
      this.#take(signal)
      this.#late.delete(signal)
    }
  }

  /** Nobody gets these signals any more, and their default action is back. */
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

  /** The signals that are taken. */
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
    // A copy: who is told may stop, or let others begin.
    const receivers = [...this.#receiversOf(signal)]
    for (const receiver of receivers) receiver.receive(signal)
  }

  /**
   * Gives the default action back after a whole event loop tick. Node drops a signal that the kernel has delivered and
   * the loop has not, once its last handler is removed: one that was on its way meanwhile is raised again.
   */
  #releaseLater(signal: NodeJS.Signals): void {
    if (this.#isWanted(signal) || neverReleased.has(signal)) return
    this.#stay(signal)
    // The first comes after this turn's poll, the second after one that began later than this call.
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

/** Windows lets no process raise these. */
function raisable(signal: NodeJS.Signals): boolean {
  return !('SIGBREAK' in constants.signals) || ['SIGINT', 'SIGTERM', 'SIGQUIT'].includes(signal)
}
