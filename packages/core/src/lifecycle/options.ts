import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { defaultSignalActions, type SignalAction, type SignalActions } from '../signals/signal-actions.ts'
import { checkSignal } from '../signals/signal-name.ts'

/** Options of the process: whichever plugin states them, they hold for every server in it. Durations are milliseconds. */
export interface LifecycleOptions {
  /**
   * How long a drain may take. What is left then is cut, reported, and makes the exit status 1. 0 cuts at once,
   * Infinity waits for ever.
   * @default 10000
   */
  readonly drainTimeout?: number
  /**
   * How long a process that was told to stop goes on accepting and serving as before, while it says that it is not
   * ready and answers with `Connection: close`: the time a load balancer needs to see it and turn away. Comes before
   * `drainTimeout` begins to run. A restart does not need it.
   * @default 0
   */
  readonly drainDelay?: number
  /**
   * The most that an idle keep-alive connection is kept when the process stops, so that a request already on its way
   * is answered. Below it the server's own `keepAliveTimeout` decides, which the client was told. 0 ends idle
   * connections at once; Infinity leaves it to `keepAliveTimeout` and `drainTimeout`.
   * @default 5000
   */
  readonly lingerTimeout?: number
  /**
   * How long a connection on which nothing ever came is kept for its first request when the process stops. Never
   * longer than `lingerTimeout`. 0 ends it at once.
   * @default 1000
   */
  readonly firstRequestTimeout?: number
  /**
   * The window over which WebSockets are sent their close frame, so that their clients do not return in one wave. At
   * most half of `drainTimeout` is used. 0 tells all at once.
   * @default 1000
   */
  readonly closeSpread?: number
  /**
   * How long a successor may take until it is ready. Then it is killed, and this process serves on. Infinity waits for
   * ever.
   * @default 60000
   */
  readonly readyTimeout?: number
  /**
   * If true, a process is ready when the application calls `lifecycle.ready()`, not when its servers listen.
   * @default false
   */
  readonly manualReady?: boolean
  /**
   * What each signal does, on top of the defaults: SIGINT and SIGTERM `'shutdown'`, SIGHUP and SIGUSR2 `'restart'`.
   * `false` leaves a signal to others.
   */
  readonly signals?: Readonly<Partial<Record<NodeJS.Signals, SignalAction | false>>>
}

/** All options with their values, stated here and nowhere else. */
export interface Settings extends Required<Omit<LifecycleOptions, 'signals'>> {
  readonly signals: SignalActions
}

export const defaults: Settings = {
  drainTimeout: 10_000,
  drainDelay: 0,
  lingerTimeout: 5000,
  firstRequestTimeout: 1000,
  closeSpread: 1000,
  readyTimeout: 60_000,
  manualReady: false,
  signals: defaultSignalActions,
}

const actions: readonly SignalAction[] = ['shutdown', 'restart', 'ignore']

/**
 * Checks what a user wrote.
 * @throws `ERR_ZERODROP_OPTION_UNKNOWN`, `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_SIGNAL_UNKNOWN`,
 *   `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function checkOptions(options: LifecycleOptions): void {
  checkObject(options)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (name === 'signals') checkSignals(value)
    else if (name === 'manualReady') checkBoolean(name, value)
    else if (Object.hasOwn(defaults, name)) checkDuration(name, value)
    else throw unknown(name, Object.keys(defaults))
  }
}

/**
 * Checks what a user gave as `onDrainingRequest`.
 * @throws `ERR_ZERODROP_OPTION_INVALID`
 */
export function checkPolicy(policy: unknown): void {
  if (policy === 'serve' || policy === 'refuse' || typeof policy === 'function') return
  throw invalid('onDrainingRequest', '"serve", "refuse" or a function', policy)
}

/**
 * Checks the options of one server.
 * @throws `ERR_ZERODROP_OPTION_UNKNOWN`, `ERR_ZERODROP_OPTION_INVALID`
 */
export function checkAttachOptions(options: object): void {
  checkObject(options)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (name === 'onDrainingRequest') checkPolicy(value)
    else if (name === 'onSettled' && typeof value !== 'function') throw invalid(name, 'a function', value)
    else if (name === 'name' && typeof value !== 'string') throw invalid(name, 'a string', value)
    else if (name !== 'onSettled' && name !== 'name')
      throw unknown(name, ['name', 'onSettled', 'onDrainingRequest'])
  }
}

/** Completes options with what else is in force. */
export function mergeOptions(settings: Settings, options: LifecycleOptions): Settings {
  const { signals, ...rest } = options
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  const merged = Object.entries({ ...settings.signals, ...signals }).filter(([, action]) => action !== false)
  return { ...settings, ...given, signals: Object.fromEntries(merged) as SignalActions }
}

/**
 * Checks that a second call in the process does not contradict an earlier one.
 * @throws `ERR_ZERODROP_OPTION_CONFLICT`
 */
export function checkConflict(earlier: LifecycleOptions, later: LifecycleOptions): void {
  const { signals: earlierSignals, ...earlierRest } = earlier
  const { signals: laterSignals, ...laterRest } = later
  compare('', earlierRest, laterRest)
  compare('signals.', earlierSignals ?? {}, laterSignals ?? {})
}

function compare(prefix: string, earlier: object, later: object): void {
  for (const [name, value] of Object.entries(later)) {
    const before: unknown = (earlier as Record<string, unknown>)[name]
    if (before === undefined || value === undefined || before === value) continue
    throw new ZerodropError(
      'ERR_ZERODROP_OPTION_CONFLICT',
      `Option "${prefix}${name}" is ${show(before)} by an earlier call in this process and ${show(value)} by this one. ` +
        'It holds for the whole process: state it once, or alike.',
    )
  }
}

function checkObject(options: unknown): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return
  throw invalid('options', 'an object such as { drainTimeout: 10000 }', options)
}

function checkDuration(name: string, value: unknown): void {
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0) {
    throw invalid(name, 'a number of milliseconds, 0 or more, or Infinity', value)
  }
}

function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value)
}

function checkSignals(value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('signals', 'an object from signal names to actions', value)
  }
  for (const [signal, action] of Object.entries(value)) {
    checkSignal(signal)
    if (action === false || action === undefined || actions.includes(action as SignalAction)) continue
    throw invalid(
      `signals.${signal}`,
      `one of ${actions.map((each) => `"${each}"`).join(', ')}, or false`,
      action,
    )
  }
}

function unknown(name: string, known: readonly string[]): ZerodropError {
  const text = `zerodrop has no option "${name}". Its options are ${known.join(', ')}.`
  return new ZerodropError('ERR_ZERODROP_OPTION_UNKNOWN', text)
}

function invalid(name: string, expected: string, value: unknown): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_OPTION_INVALID',
    `Expected "${name}" to be ${expected}, got ${show(value)}.`,
  )
}

function show(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 5 })
}
