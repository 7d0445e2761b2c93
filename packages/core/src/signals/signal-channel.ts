import type { Receiver, SignalHub } from './signal-hub.ts'
import { allSignals, checkSignal } from './signal-name.ts'

/** Signals in the order of their arrival: what `notify()` returns. */
export class SignalChannel implements AsyncIterableIterator<NodeJS.Signals, undefined, undefined> {
  readonly #hub: SignalHub
  readonly #size: number
  readonly #buffer: NodeJS.Signals[] = []
  readonly #waiting: ((result: IteratorResult<NodeJS.Signals, undefined>) => void)[] = []
  readonly #receiver: Receiver = { receive: (signal) => this.#receive(signal) }
  #dropped = 0
  #stopped = false

  /** @param size how many signals it keeps for a slow reader */
  constructor(hub: SignalHub, size: number) {
    this.#hub = hub
    this.#size = size
  }

  /** How many signals arrived while the buffer was full and were dropped. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Adds signals to this channel; without arguments, the same set as `notify()` without arguments. Does
   * nothing after `stop()`.
   * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
   */
  add(...signals: NodeJS.Signals[]): void {
    const listed = listSignals(signals)
    if (!this.#stopped) this.#hub.add(this.#receiver, listed)
  }

  /**
   * Resolves to the next signal, at once if one is buffered. After `stop()`, returns the buffered signals
   * and then `done`. Never rejects. Several calls may wait; they resolve in order.
   *
   * Waiting does not keep the process alive.
   */
  next(): Promise<IteratorResult<NodeJS.Signals, undefined>> {
    const value = this.#buffer.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#stopped) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /**
   * Closes the channel: it gets no more signals, and pending `next()` calls resolve as done. If it was the
   * last channel on a signal, the default action returns on the next event loop tick. A signal that arrives
   * before that takes the default action, or goes to a channel that was opened in the meantime. Calling it
   * again does nothing.
   */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#hub.remove(this.#receiver)
    for (const resolve of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
  }

  /** Called by `break` in a `for await`: stops and discards the buffer. */
  return(): Promise<IteratorResult<NodeJS.Signals, undefined>> {
    this.stop()
    this.#buffer.length = 0
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
  }

  #receive(signal: NodeJS.Signals): void {
    const resolve = this.#waiting.shift()
    if (resolve !== undefined) resolve({ done: false, value: signal })
    else if (this.#buffer.length < this.#size) this.#buffer.push(signal)
    else this.#dropped++
  }
}

/**
 * Expands a list of signals.
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function listSignals(signals: readonly NodeJS.Signals[]): readonly NodeJS.Signals[] {
  for (const signal of signals) checkSignal(signal)
  return signals.length === 0 ? allSignals() : signals
}
