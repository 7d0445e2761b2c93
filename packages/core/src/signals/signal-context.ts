import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { SignalHub } from './signal-hub.ts'
import { listSignals } from './signal-channel.ts'

/** The reason with which the `AbortSignal` of `notifyContext()` aborts. */
export class SignalReceived extends ZerodropError {
  /** The signal that arrived. */
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super('ERR_ZERODROP_SIGNAL_RECEIVED', `${signal} arrived.`)
    this.signal = signal
  }
}

/** The result of `notifyContext()`. */
export interface SignalContext {
  /** Aborted by the first of the signals; its reason is a `SignalReceived`. */
  readonly signal: AbortSignal
  /**
   * Stops watching, as `stop()` of a channel does. It does not abort the signal. Calling it again does
   * nothing.
   */
  readonly stop: () => void
  [Symbol.dispose](): void
}

export function watchContext(hub: SignalHub, signals: readonly NodeJS.Signals[]): SignalContext {
  const controller = new AbortController()
  const receiver = {
    receive: (signal: NodeJS.Signals): void => controller.abort(new SignalReceived(signal)),
  }
  hub.add(receiver, listSignals(signals))
  const stop = (): void => hub.remove(receiver)
  return { signal: controller.signal, stop, [Symbol.dispose]: stop }
}
