import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { realSignals } from '../system/real-signals.ts'
import { listSignals, SignalChannel } from './signal-channel.ts'
import { type SignalContext, watchContext } from './signal-context.ts'
import { SignalHub } from './signal-hub.ts'
import { checkSignal } from './signal-name.ts'

/** The options of `notify()`. */
export interface NotifyOptions {
  /** How many signals the channel keeps for a reader that is behind. What comes then is dropped, and counted. @default 16 */
  readonly buffer?: number
}

const key = Symbol.for('zerodrop.signals.v1')

/** Shared by every copy of the package in the process: who is the last on a signal is known only to one. */
function hub(): SignalHub {
  const registry = globalThis as { [key]?: SignalHub }
  registry[key] ??= new SignalHub(realSignals())
  return registry[key]
}

/**
 * Gives signals of this process to a channel, as Go's `signal.Notify` does.
 *
 * ```ts
 * for await (const signal of notify('SIGTERM', 'SIGINT')) console.log(signal)
 * ```
 *
 * The first channel on a signal takes over its default action, which is back when the last has stopped. Every channel on
 * a signal gets a copy. Each keeps 16 signals for a reader that is behind, or as many as `buffer` says, and drops what
 * comes then.
 *
 * With no signal listed it takes all that can be taken over, but for SIGUSR1 (Node's inspector), SIGPROF (its profiler),
 * SIGPIPE and SIGXFSZ (which Node ignores, so that writing fails instead), and those that tell of a fault: SIGABRT, SIGBUS,
 * SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP. Each of these has to be named.
 *
 * Other than in Go: the channel is made here, and is used once; `add()` is Go's second `Notify` on one channel. A channel
 * does not keep the process alive. Once taken, SIGPIPE, SIGXFSZ and SIGUSR1 stay taken, with nobody told: given back to the
 * kernel, which is all that Node can do, they would kill the process. Handlers that others have put on a signal with
 * `process.on()` are called as well, and keep its default action from happening. In a worker thread no signal arrives.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`; `ERR_ZERODROP_SIGNAL_UNSUPPORTED` for SIGKILL, SIGSTOP and what this platform
 *   lacks; `ERR_ZERODROP_OPTION_INVALID` for a buffer that is no whole number of 0 or more, and for signals in an array;
 *   `ERR_ZERODROP_OPTION_UNKNOWN`. Then nothing is taken.
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
 * `signal.reason` is a `SignalReceived`: a `ZerodropError` with the code `ERR_ZERODROP_SIGNAL_RECEIVED` and the `signal`.
 * Until `stop()` further signals are taken and nothing happens at them, as in Go. There is no parent context:
 * `AbortSignal.any([parent, signal])` is one. Other than in Go `stop()` aborts nothing. The rest is as with `notify()`.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function notifyContext(...signals: NodeJS.Signals[]): SignalContext {
  return watchContext(hub(), signals)
}

/**
 * Ignores signals, as Go's `signal.Ignore` does: no channel and no context gets them any more, and their default action
 * does not happen. `notify()` ends that for its signals, `reset()` too. With none listed, all that `notify()` means by all.
 *
 * Other than in Go it is a handler that does nothing, not the kernel's SIG_IGN: a child process does not inherit it, and
 * handlers that others have put on the signal are called. Signals that zerodrop's lifecycle handles go on to be handled.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function ignore(...signals: NodeJS.Signals[]): void {
  hub().ignore(listSignals(signals))
}

/**
 * Takes back what `notify()`, `notifyContext()` and `ignore()` did to signals, as Go's `signal.Reset` does: no channel and no
 * context gets them any more, and their default action is back as after a channel's `stop()`. With none listed, all.
 *
 * Channels are not stopped by it: those that wait for nothing else wait on. Handlers of others, zerodrop's lifecycle included,
 * are left alone.
 *
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function reset(...signals: NodeJS.Signals[]): void {
  hub().reset(signals.length === 0 ? hub().taken : listSignals(signals))
}

/**
 * Whether a signal is ignored: by `ignore()`, or by the kernel, as far as Linux tells (SIGPIPE and SIGXFSZ, by Node's own
 * doing; on other systems false).
 *
 * Other than in Go it is false for what was ignored when the process was started, as `nohup` does with SIGHUP: Node gives
 * every such signal its default action back before any program runs. `nohup node server.js` is ended by a SIGHUP, unless it
 * is handled.
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
