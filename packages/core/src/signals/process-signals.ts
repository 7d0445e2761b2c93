import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { realSignals } from '../system/real-signals.ts'
import { listSignals, SignalChannel } from './signal-channel.ts'
import { type SignalContext, watchContext } from './signal-context.ts'
import { SignalHub } from './signal-hub.ts'
import { checkSignal } from './signal-name.ts'

/** The options of `notify()`. */
export interface NotifyOptions {
  /**
   * How many signals the channel keeps for a slow reader. It drops and counts further ones. @default 16
   */
  readonly buffer?: number
}

const key = Symbol.for('zerodrop.signals.v1')

/** All copies of the package in the process share one hub, so that it knows the last channel on a signal. */
function hub(): SignalHub {
  const registry = globalThis as { [key]?: SignalHub }
  registry[key] ??= new SignalHub(realSignals())
  return registry[key]
}

/**
 * Delivers signals of this process to a channel, like Go's `signal.Notify`.
 *
 * ```ts
 * for await (const signal of notify('SIGTERM', 'SIGINT')) console.log(signal)
 * ```
 *
 * The first channel on a signal replaces its default action, and the last `stop()` restores it. Every
 * channel on a signal gets a copy. A channel buffers 16 signals, or `buffer`, and drops further ones.
 *
 * Without arguments, it takes every signal except SIGUSR1 (Node's inspector), SIGPROF (its profiler),
 * SIGPIPE and SIGXFSZ (which Node ignores, so that writes fail instead), and the signals that report a
 * fault: SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP. You can subscribe to those by name.
 *
 * Differences from Go: the call creates the channel; `add()` is Go's second `Notify` on one channel. A
 * channel does not keep the process alive. SIGPIPE, SIGXFSZ and SIGUSR1 stay handled after `stop()`, because
 * Node can only restore the kernel's default action, which would kill the process. Handlers that others
 * added with `process.on()` run as well and suppress the default action. Worker threads get no signals.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`; `ERR_ZERODROP_SIGNAL_UNSUPPORTED` for SIGKILL, SIGSTOP and signals
 *   that this platform does not have; `ERR_ZERODROP_OPTION_INVALID` for a buffer that is not a non-negative
 *   integer, and for signals in an array; `ERR_ZERODROP_OPTION_UNKNOWN`. In these cases no signal is handled.
 */
export function notify(...signals: NodeJS.Signals[]): SignalChannel
export function notify(options: NotifyOptions, ...signals: NodeJS.Signals[]): SignalChannel
export function notify(...list: [NotifyOptions, ...NodeJS.Signals[]] | NodeJS.Signals[]): SignalChannel {
  const [first, ...rest] = list
  const options = typeof first === 'object' ? first : {}
  const signals = typeof first === 'object' ? rest : list
  checkNotifyOptions(options)
  const channel = new SignalChannel(hub(), bufferOf(options))
  channel.add(...(signals as NodeJS.Signals[]))
  return channel
}

/**
 * Aborts an `AbortSignal` at the first of these signals, as Go's `signal.NotifyContext` cancels a context.
 *
 * ```ts
 * const { signal, stop } = notifyContext('SIGINT')
 * signal.addEventListener('abort', stop) // a second Ctrl-C kills
 * await fetch(url, { signal })
 * ```
 *
 * `signal.reason` is a `SignalReceived`: a `ZerodropError` with the code `ERR_ZERODROP_SIGNAL_RECEIVED` and
 * the `signal`. Until `stop()`, further signals are handled and do nothing, as in Go. There is no parent
 * context: use `AbortSignal.any([parent, signal])`. Unlike in Go, `stop()` aborts nothing. Otherwise it
 * works like `notify()`.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function notifyContext(...signals: NodeJS.Signals[]): SignalContext {
  return watchContext(hub(), signals)
}

/**
 * Ignores signals, like Go's `signal.Ignore`: no channel and no context gets them, and their default action
 * does not happen. `notify()` and `reset()` end that. Without arguments, ignores the same set as `notify()`
 * without arguments.
 *
 * Unlike in Go, it installs a handler that does nothing instead of the kernel's SIG_IGN: child processes do
 * not inherit it, and handlers of others still run. zerodrop's lifecycle keeps handling its signals.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function ignore(...signals: NodeJS.Signals[]): void {
  hub().ignore(listSignals(signals))
}

/**
 * Undoes `notify()`, `notifyContext()` and `ignore()` for signals, like Go's `signal.Reset`: no channel and
 * no context gets them any more, and their default action returns as after a channel's `stop()`. Without
 * arguments, for all signals.
 *
 * It does not stop channels: pending `next()` calls keep waiting. Handlers of others, including zerodrop's
 * lifecycle, are left alone.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function reset(...signals: NodeJS.Signals[]): void {
  hub().reset(signals.length === 0 ? hub().taken : listSignals(signals))
}

/**
 * Whether a signal is ignored: by `ignore()`, or by the kernel as far as Linux tells (SIGPIPE and SIGXFSZ,
 * which Node ignores; false on other systems).
 *
 * Unlike in Go, it is false for signals that were ignored when the process started, as SIGHUP is under
 * `nohup`: Node restores the default action of every such signal before any program runs. SIGHUP ends
 * `nohup node server.js` unless it is handled.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function ignored(signal: NodeJS.Signals): boolean {
  checkSignal(signal)
  return hub().isIgnored(signal)
}

function checkNotifyOptions(options: unknown): asserts options is NotifyOptions {
  if (options === null || Array.isArray(options)) {
    throw new ZerodropError(
      'ERR_ZERODROP_OPTION_INVALID',
      `Expected "options" to be an object such as { buffer: 1 }, got ${inspect(options)}. Signals are listed one by one, not in an array.`,
    )
  }
  const unknown = Object.keys(options as object).find((name) => name !== 'buffer')
  if (unknown === undefined) return
  throw new ZerodropError(
    'ERR_ZERODROP_OPTION_UNKNOWN',
    `notify() has no option ${JSON.stringify(unknown)}. Its options are buffer.`,
  )
}

function bufferOf({ buffer = 16 }: NotifyOptions): number {
  if (Number.isInteger(buffer) && buffer >= 0) return buffer
  throw new ZerodropError(
    'ERR_ZERODROP_OPTION_INVALID',
    `Expected "buffer" to be a whole number of signals, 0 or more, got ${inspect(buffer)}.`,
  )
}
