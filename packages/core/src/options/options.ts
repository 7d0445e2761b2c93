import type { Socket } from 'node:net'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { HealthOptions } from '../health/options.ts'
import type { SignalPreset } from '../signals/presets.ts'
import { defaultSignalTable, type SignalTable } from '../signals/signal-actions.ts'
import type { SocketNames } from '../listeners/activated.ts'
import { checkHealth } from './health-options.ts'
import { isLogger, type Logger } from '../events/logger.ts'
import {
  checkBoolean,
  checkDuration,
  checkFiniteDuration,
  checkObject,
  invalid,
  show,
  unknown,
} from './option-checks.ts'
import { checkSignalOptions, expandSignals, type SignalOptions, signalTable } from './signal-options.ts'

/**
 * Which connections move to the successor at a restart. zerodrop calls a function for each connection that
 * could move, with its socket, and needs the answer synchronously. A connection that must not move drains
 * as at a stop.
 */
export type MigrationPolicy = boolean | ((socket: Socket) => boolean)

/**
 * Options of the process. Whichever plugin sets them, they apply to every server in it. Durations are in
 * milliseconds.
 */
export interface LifecycleOptions {
  /**
   * The longest a drain may take, in milliseconds. Requests that are left then are cut and reported, and the
   * exit status is 1. `0` cuts at once; `Infinity` waits forever.
   * @default 10000
   */
  readonly drainTimeout?: number
  /**
   * How many milliseconds a stopping process keeps accepting and serving while it already reports that it is not ready
   * and sends `Connection: close`, so that a load balancer notices. `drainTimeout` starts afterwards. A
   * restart skips it. `0` does not wait; `Infinity` is refused.
   * @default 0
   */
  readonly drainDelay?: number
  /**
   * How many milliseconds an idle keep-alive connection stays open when the process stops, so that a request that is
   * already on its way is answered. The server's own `keepAliveTimeout`, which the client knows, ends it
   * earlier. `0` ends idle connections at once; `Infinity` leaves it to `keepAliveTimeout` and
   * `drainTimeout`.
   * @default 5000
   */
  readonly lingerTimeout?: number
  /**
   * How many milliseconds a connection that has never carried a request stays open for its first one when
   * the process stops, but at most `lingerTimeout`. `0` ends it at once; `Infinity` waits for `lingerTimeout`.
   * @default 1000
   */
  readonly firstRequestTimeout?: number
  /**
   * The window in milliseconds over which WebSockets get their close frame, so that their clients do not all reconnect at
   * the same moment. At most half of `drainTimeout` is used. `0` closes all at once; `Infinity` is refused.
   * @default 1000
   */
  readonly closeSpread?: number
  /**
   * How many milliseconds signal handlers of other libraries may take. zerodrop calls them when the last
   * connection has ended; in the old process of a restart, with SIGTERM. `0` calls them and does not wait
   * for asynchronous work; `Infinity` waits forever.
   * @default 5000
   */
  readonly handlersTimeout?: number
  /**
   * How many milliseconds a successor may take to become ready, including a `successorEnv` function. After
   * that, zerodrop kills it, and this process keeps serving. `0` makes every restart fail; `Infinity` waits
   * forever.
   * @default 60000
   */
  readonly readyTimeout?: number
  /**
   * With `true`, the process is ready when the app calls `lifecycle.ready()`, not at the first `listen()`.
   * @default false
   */
  readonly manualReady?: boolean
  /**
   * A check that has to succeed before this process is ready. A path: the process requests it from its own
   * first HTTP server, in memory rather than through the port, until the status is below 500. A function:
   * called until it returns `true`, or a promise for `true`. The pause between attempts starts at 50 ms and
   * doubles up to one second. With `manualReady`, both must hold. In a successor, `readyTimeout` ends the
   * wait; the first generation keeps trying and warns once.
   * @default undefined
   * @example
   * ```ts
   * lifecycle.configure({ readyCheck: '/readyz', warmUp: 50 })
   * ```
   */
  readonly readyCheck?: string | (() => boolean | Promise<boolean>)
  /**
   * Requests that the process sends to itself before it is ready, so that its code is compiled and its pools
   * are filled: an array of paths, or a number of requests to the path of `readyCheck` (or `/`). Ten run at
   * a time. zerodrop reports failures once and otherwise ignores them. After ten seconds, or a quarter of
   * `readyTimeout` if that is less, it skips the remaining requests. `0` and `[]` send none; `Infinity` is
   * refused.
   * @default []
   */
  readonly warmUp?: number | readonly string[]
  /**
   * Which HTTP/1.1 connections without TLS move to the successor at a restart: all, none, or those for whose
   * socket a function returns true. For apps that store data per connection. Other connections drain as at a
   * stop. A function that throws, or returns anything but true or false, counts as false.
   * @default true
   */
  readonly migrate?: MigrationPolicy
  /**
   * Answers `/livez` and `/readyz`: `true` on the app's own servers, or an object with paths, a port and
   * checks.
   * @default false
   */
  readonly health?: boolean | HealthOptions
  /**
   * Where zerodrop logs: a pino-like logger; `'stderr'`, which prints one line per drain and restart, plus
   * warnings and errors; or `false` for nothing. Fastify's `app.log` is used by default.
   * @default 'stderr'
   * @example
   * ```ts
   * import { pino } from 'pino'
   *
   * lifecycle.configure({ logger: pino() })
   * ```
   */
  readonly logger?: Logger | 'stderr' | false
  /**
   * How many milliseconds a ready successor serves beside this process before it takes over. If it dies in that time,
   * this process has never stopped serving. `0` hands over at once; `Infinity` never does.
   * @default 0
   */
  readonly probation?: number
  /**
   * What happens to a restart that is requested during another one. `'newest'`: if the successor may have
   * read its code already, one more restart follows, no matter how many were requested, and a stuck
   * successor is given up for it. `'queue'`: one more always follows. `'coalesce'`: it joins the current
   * restart. `'reject'`: it fails with `ERR_ZERODROP_RESTART_IN_PROGRESS`.
   * @default 'newest'
   */
  readonly restartConcurrency?: RestartConcurrency
  /**
   * The successor's environment. `'start'`: the environment that this process was started with. `'current'`:
   * `process.env` at the time of the restart. A function gets the start environment and returns, or resolves
   * to, the environment to use; its time counts towards `readyTimeout`.
   * @default 'start'
   * @example
   * ```ts
   * lifecycle.configure({ successorEnv: async (start) => ({ ...start, ...(await vault.read('app')) }) })
   * ```
   */
  readonly successorEnv?: SuccessorEnvironment
  /**
   * A file that always names the serving process: written when this process is ready and its predecessor
   * hands over, removed by the last process. A relative path is relative to the working directory.
   * @default undefined
   */
  readonly pidFile?: string
  /**
   * Whether the pid of this process stays through restarts, because the process becomes the keeper of its successors: a
   * small process that holds the pid and the listening sockets. `'auto'`: if something relies on the pid, as
   * a container, systemd, npm or a terminal does. `true`: always; a restart fails where that is impossible.
   * `false`: never; a restart fails where the service would end with the old pid. Needs Linux and Node 22.15.
   * @default 'auto'
   */
  readonly keepPid?: 'auto' | boolean
  /**
   * What the server does if its keeper dies, for example by SIGKILL. `'drain'`: it stops, because other programs know only
   * the keeper's pid, and a supervisor would start a second server beside it. `'serve'`: it serves on without a keeper,
   * under its own pid; SIGTERM and restart signals to that pid work as in a process that never had a keeper.
   * `zerodrop run --on-keeper-death` overrides this option.
   * @default 'drain'
   */
  readonly onKeeperDeath?: KeeperDeathAction
  /**
   * Which `listen()` gets which of the sockets that systemd has opened for this service, by `FileDescriptorName=` of the socket
   * unit: a port, `'host:port'`, or the path of a Unix socket, as the application passes it to `listen()`.
   * Without this option, the address decides.
   * @default {}
   */
  readonly socketNames?: SocketNames
  /**
   * What each signal does, in addition to the defaults: SIGINT and SIGTERM (and SIGBREAK on Windows)
   * `'shutdown'`, SIGHUP and SIGUSR2 `'restart'`. With `false`, zerodrop does not handle the signal. A
   * preset, alone or as `{ preset: 'nginx', … }`, replaces the defaults.
   * @example
   * ```ts
   * lifecycle.configure({
   *   signals: { SIGHUP: () => log.reopen(), SIGUSR2: 'restart', SIGQUIT: 'force' },
   * })
   * ```
   */
  readonly signals?: SignalPreset | SignalOptions
}

/** What a server does if its keeper dies: see the option `onKeeperDeath`. */
export type KeeperDeathAction = 'drain' | 'serve'

/** What happens to a restart that is requested during another one: see the option `restartConcurrency`. */
export type RestartConcurrency = 'newest' | 'queue' | 'coalesce' | 'reject'

/** The environment that a successor is started with: see the option `successorEnv`. */
export type SuccessorEnvironment =
  | 'start'
  | 'current'
  | ((start: NodeJS.ProcessEnv) => NodeJS.ProcessEnv | Promise<NodeJS.ProcessEnv>)

/** All options with their values, stated here and nowhere else. */
export interface Settings extends Required<Omit<LifecycleOptions, 'signals' | 'pidFile' | 'readyCheck'>> {
  readonly readyCheck: LifecycleOptions['readyCheck'] | undefined
  readonly pidFile: string | undefined
  readonly signals: SignalTable
}

export const defaults: Settings = {
  drainTimeout: 10_000,
  drainDelay: 0,
  lingerTimeout: 5000,
  firstRequestTimeout: 1000,
  closeSpread: 1000,
  handlersTimeout: 5000,
  readyTimeout: 60_000,
  manualReady: false,
  readyCheck: undefined,
  warmUp: [],
  migrate: true,
  health: false,
  logger: 'stderr',
  probation: 0,
  restartConcurrency: 'newest',
  successorEnv: 'start',
  pidFile: undefined,
  keepPid: 'auto',
  onKeeperDeath: 'drain',
  socketNames: {},
  signals: defaultSignalTable,
}

/**
 * `Infinity` makes no sense for these: the drain would never begin, or a WebSocket would never get its close
 * frame.
 */
const finite: ReadonlySet<string> = new Set(['drainDelay', 'closeSpread'])

const concurrencies: readonly unknown[] = [
  'newest',
  'queue',
  'coalesce',
  'reject',
] satisfies RestartConcurrency[]

/**
 * Checks the options that a user has set.
 * @param others further option names that are valid in this place and already checked
 * @throws `ERR_ZERODROP_OPTION_UNKNOWN`, `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_SIGNAL_UNKNOWN`,
 *   `ERR_ZERODROP_SIGNAL_UNSUPPORTED`
 */
export function checkOptions(options: LifecycleOptions, others: readonly string[] = []): void {
  checkObject(options)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (name === 'signals') checkSignalOptions(value, refuse)
    else if (name === 'manualReady') checkBoolean(name, value)
    else if (name === 'readyCheck') checkReadyCheck(value)
    else if (name === 'warmUp') checkWarmUp(value)
    else if (name === 'migrate') checkMigrate(value)
    else if (name === 'health') checkHealth(value)
    else if (name === 'logger') checkLogger(value)
    else if (name === 'socketNames') checkSocketNames(value)
    else if (name === 'pidFile') checkPath(name, value)
    else if (name === 'restartConcurrency') checkConcurrency(name, value)
    else if (name === 'keepPid') checkKeepPid(name, value)
    else if (name === 'onKeeperDeath') checkKeeperDeath(name, value)
    else if (name === 'successorEnv') checkEnvironment(name, value)
    else if (finite.has(name)) checkFiniteDuration(name, value)
    else if (Object.hasOwn(defaults, name)) checkDuration(name, value)
    else throw unknown(name, [...Object.keys(defaults), ...others])
  }
}

/**
 * Checks that an adapter was called with options: used as a middleware by mistake, it would get a request.
 * @throws `ERR_ZERODROP_OPTION_INVALID`
 */
export function checkPlain(options: unknown): void {
  checkObject(options)
  // Not compared with this realm's prototype: test runners have several realms.
  const prototype: unknown = Object.getPrototypeOf(options)
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return
  throw new ZerodropError(
    'ERR_ZERODROP_OPTION_INVALID',
    'Expected "options" to be an object such as { drainTimeout: 10000 }, got an instance of a class. ' +
      'If that is a request, graceful has to be called where it is used: app.use(graceful()).',
  )
}

/**
 * Checks the option `onDrainingRequest`.
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
    else if (name === 'migrate') checkMigrate(value)
    else if (name !== 'onSettled' && name !== 'name')
      throw unknown(name, ['name', 'onSettled', 'onDrainingRequest', 'migrate'])
  }
}

/**
 * Checks the arguments of a hook.
 * @throws `ERR_ZERODROP_OPTION_UNKNOWN`, `ERR_ZERODROP_OPTION_INVALID`
 */
export function checkHook(kind: string, name: unknown, hook: unknown, options: object): void {
  if (typeof name !== 'string' || name === '')
    throw invalid('name', 'a string that says what the hook does', name)
  if (typeof hook !== 'function') throw invalid('hook', 'a function', hook)
  const of = `${kind} hook "${name}"`
  if (typeof options !== 'object' || options === null)
    throw invalid(`options of ${kind} hook ${name}`, 'an object such as { timeout: 5000 }', options)
  for (const [option, value] of Object.entries(options)) {
    if (option !== 'timeout') throw unknown(option, ['timeout'], `The ${of}`)
    if (value !== undefined) checkDuration(`timeout of ${kind} hook ${name}`, value)
  }
}

function checkLogger(value: unknown): void {
  if (value === false || value === 'stderr' || isLogger(value)) return
  throw invalid('logger', 'a logger with debug, info, warn and error, "stderr", or false', value)
}

/** Joins the options of two calls in the process. */
export function joinOptions(earlier: LifecycleOptions, later: LifecycleOptions): LifecycleOptions {
  const { signals, ...rest } = later
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  return {
    ...earlier,
    ...given,
    signals: { ...expandSignals(earlier.signals), ...expandSignals(signals) },
  }
}

export function presetOf({ signals }: LifecycleOptions): SignalPreset | undefined {
  return expandSignals(signals).preset
}

/** Completes options with the settings that are already in force. */
export function mergeOptions(settings: Settings, options: LifecycleOptions): Settings {
  const { signals, pidFile, ...given } = joinOptions({}, options)
  const absolute = pidFile === undefined ? {} : { pidFile: path.resolve(pidFile) }
  return { ...settings, ...given, ...absolute, signals: signalTable(expandSignals(signals)) }
}

/**
 * Checks that a second call in the process does not contradict an earlier one.
 * @throws `ERR_ZERODROP_OPTION_CONFLICT`
 */
export function checkConflict(earlier: LifecycleOptions, later: LifecycleOptions): void {
  const { signals: earlierSignals, ...earlierRest } = earlier
  const { signals: laterSignals, ...laterRest } = later
  compare('', earlierRest, laterRest)
  compare('signals.', expandSignals(earlierSignals), expandSignals(laterSignals))
}

function compare(prefix: string, earlier: object, later: object): void {
  for (const [name, value] of Object.entries(later)) {
    const before: unknown = (earlier as Record<string, unknown>)[name]
    if (before === undefined || value === undefined || isDeepStrictEqual(before, value)) continue
    throw new ZerodropError(
      'ERR_ZERODROP_OPTION_CONFLICT',
      `Option "${prefix}${name}" is ${show(before)} by an earlier call in this process and ${show(value)} by this one. ` +
        'It holds for the whole process: state it once, or alike.',
    )
  }
}

function checkMigrate(value: unknown): void {
  if (typeof value === 'boolean' || typeof value === 'function') return
  throw invalid('migrate', 'true, false or a function', value)
}

/** A request target, as it can appear in the first line of a request. */
const requestPath = /^\/[!-~]*$/

function checkReadyCheck(value: unknown): void {
  if (typeof value === 'function' || (typeof value === 'string' && requestPath.test(value))) return
  throw invalid('readyCheck', 'a path such as "/healthz", or a function', value)
}

function checkWarmUp(value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return
  const isPath = (each: unknown): boolean => typeof each === 'string' && requestPath.test(each)
  if (Array.isArray(value) && value.every(isPath)) return
  throw invalid('warmUp', 'a number of requests, 0 or more, or an array of paths such as ["/"]', value)
}

function checkSocketNames(value: unknown): void {
  const isPlace = (each: unknown): boolean =>
    (typeof each === 'string' && each !== '') ||
    (Number.isInteger(each) && Number(each) > 0 && Number(each) < 65_536)
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (isObject && Object.values(value).every(isPlace)) return
  throw invalid('socketNames', 'an object such as { web: 3000, admin: "/run/admin.sock" }', value)
}

function checkPath(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw invalid(name, 'the path of a file', value)
}

function checkConcurrency(name: string, value: unknown): void {
  if (!concurrencies.includes(value)) throw invalid(name, '"newest", "queue", "coalesce" or "reject"', value)
}

function checkKeeperDeath(name: string, value: unknown): void {
  if (value !== 'drain' && value !== 'serve') throw invalid(name, '"drain" or "serve"', value)
}

function checkKeepPid(name: string, value: unknown): void {
  if (value !== 'auto' && typeof value !== 'boolean') throw invalid(name, '"auto", true or false', value)
}

function checkEnvironment(name: string, value: unknown): void {
  if (value === 'start' || value === 'current' || typeof value === 'function') return
  throw invalid(name, '"start", "current" or a function that returns an environment', value)
}

function refuse(name: string, expected: string, value: unknown): never {
  throw invalid(name, expected, value)
}
