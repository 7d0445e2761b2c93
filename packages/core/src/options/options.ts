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
 * Which connections move to the successor at a restart. A function is asked for each whenever it could move, with the
 * socket on which the application may have put what it knows of it, and has to answer at once. One that may not move
 * drains as at a stop, and is not asked for again.
 */
export type MigrationPolicy = boolean | ((socket: Socket) => boolean)

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
   * `drainTimeout` begins to run. A restart does not need it. 0 does not wait; Infinity is refused.
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
   * most half of `drainTimeout` is used. 0 tells all at once; Infinity is refused.
   * @default 1000
   */
  readonly closeSpread?: number
  /**
   * How long handlers that other code has put on the signal may take. They are called when the last connection has ended,
   * and with SIGTERM in the old process of a restart. A process without such handlers does not wait. 0 calls them and does not
   * wait for what they begin; Infinity waits for ever.
   * @default 5000
   */
  readonly handlersTimeout?: number
  /**
   * How long a successor may take until it is ready, `successorEnv` included where that is a function. Then it is told to
   * stop, and this process serves on. Infinity waits for ever.
   * @default 60000
   */
  readonly readyTimeout?: number
  /**
   * If true, a process is ready when the application calls `lifecycle.ready()`, not when its servers listen.
   * @default false
   */
  readonly manualReady?: boolean
  /**
   * What has to answer before this process is ready. A path, asked by a request that the process makes to the first of its own HTTP
   * servers, past the port, until the status is below 500. Or a function, called until it returns true or resolves with it.
   * Between two questions there are 50 ms, and each time twice as long up to one second. With `manualReady` both have to hold.
   * `readyTimeout` ends the wait in a successor; a first generation goes on asking, is not ready meanwhile, and says so once.
   * @default undefined
   */
  readonly readyCheck?: string | (() => boolean | Promise<boolean>)
  /**
   * Requests that the process makes to itself before it is ready, so that its code is compiled and its pools are filled: paths,
   * or how often the path of `readyCheck` is asked, or `/` without one. Ten are under way at a time. What fails is told once and
   * changes nothing; after ten seconds, or a quarter of `readyTimeout`, the rest is left out. 0 and `[]` are none;
   * Infinity is refused.
   * @default []
   */
  readonly warmUp?: number | readonly string[]
  /**
   * Which HTTP/1.1 connections without TLS move to the successor at a restart: all of them, none, or those for which a
   * function of the socket returns true. For applications that keep something for each connection. What does not move
   * drains as at a stop. A function that throws, or returns anything but true or false, has said false.
   * @default true
   */
  readonly migrate?: MigrationPolicy
  /**
   * Answers `/livez` and `/readyz`, as `true` on the application's own servers, or as `HealthOptions` say: with other
   * paths, on a port of its own, with checks.
   * @default false
   */
  readonly health?: boolean | HealthOptions
  /**
   * Where the operator reads what happens: a logger like pino's, `'stderr'` for readable lines, of which there are none
   * while all is well but one for each drain and each restart, or `false` for nothing. Fastify's `app.log` is used where nothing is said.
   * @default 'stderr'
   */
  readonly logger?: Logger | 'stderr' | false
  /**
   * How long a successor that is ready serves beside this process before it takes over: if it dies in that time, this
   * process has never stopped. 0 hands over at once; Infinity never does.
   * @default 0
   */
  readonly probation?: number
  /**
   * What a restart that is asked for during another one does. `'newest'`: if the successor may have read its code by
   * then, one more restart follows, however often it was asked for; a successor that is stuck is given up for it.
   * `'queue'`: one more always follows. Of both the successor makes it. `'coalesce'`: it is the same one. `'reject'`: it
   * fails with `ERR_ZERODROP_RESTART_IN_PROGRESS`.
   * @default 'newest'
   */
  readonly restartConcurrency?: RestartConcurrency
  /**
   * The environment a successor is started with. `'start'`: what this process was started with. `'current'`:
   * `process.env` as it is at the time of the restart. A function is given the first and returns, or resolves to, what
   * to use. Its time counts towards `readyTimeout`.
   * @default 'start'
   */
  readonly successorEnv?: SuccessorEnvironment
  /**
   * A file that always names the process that serves: written when this process is ready and its predecessor hands over,
   * removed by the last one. A relative path starts from the current directory.
   * @default undefined
   */
  readonly pidFile?: string
  /**
   * Whether the pid of this process stays through restarts, because the process becomes the keeper of its successors: a
   * small process that holds the pid and the listening sockets. `'auto'`: where somebody relies on the pid, as a
   * container, systemd, npm or a terminal does. `true`: always; a restart fails where that cannot be. `false`: never;
   * a restart fails where the service would end with the pid. Needs Linux and Node 22.15.
   * @default 'auto'
   */
  readonly keepPid?: 'auto' | boolean
  /**
   * Which `listen()` gets which of the sockets that systemd has opened for this service, by `FileDescriptorName=` of the socket
   * unit: a port, `'host:port'`, or the path of a Unix socket, as the application states it. Without it the address decides.
   * @default {}
   */
  readonly socketNames?: SocketNames
  /**
   * What each signal does, on top of the defaults: SIGINT and SIGTERM `'shutdown'` (on Windows SIGBREAK too), SIGHUP and
   * SIGUSR2 `'restart'`. `false` leaves a signal to others. A preset, alone or as `{ preset: 'nginx', … }`, replaces the
   * defaults by the table of that system.
   */
  readonly signals?: SignalPreset | SignalOptions
}

/** What becomes of a restart that is asked for during another one: see the option `restartConcurrency`. */
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
  socketNames: {},
  signals: defaultSignalTable,
}

/** What Infinity would make of these is no drain: a process that never begins, a WebSocket that is never told. */
const finite: ReadonlySet<string> = new Set(['drainDelay', 'closeSpread'])

const concurrencies: readonly unknown[] = [
  'newest',
  'queue',
  'coalesce',
  'reject',
] satisfies RestartConcurrency[]

/**
 * Checks what a user wrote.
 * @param others what else there is where it was written, checked already
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
    else if (name === 'successorEnv') checkEnvironment(name, value)
    else if (finite.has(name)) checkFiniteDuration(name, value)
    else if (Object.hasOwn(defaults, name)) checkDuration(name, value)
    else throw unknown(name, [...Object.keys(defaults), ...others])
  }
}

/**
 * Checks that an adapter was given options: in its place as a middleware it would be given a request.
 * @throws `ERR_ZERODROP_OPTION_INVALID`
 */
export function checkPlain(options: unknown): void {
  checkObject(options)
  // Not compared with this realm's: test runners have several.
  const prototype: unknown = Object.getPrototypeOf(options)
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return
  throw new ZerodropError(
    'ERR_ZERODROP_OPTION_INVALID',
    'Expected "options" to be an object such as { drainTimeout: 10000 }, got an instance of a class. ' +
      'If that is a request, graceful has to be called where it is used: app.use(graceful()).',
  )
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
    else if (name === 'migrate') checkMigrate(value)
    else if (name !== 'onSettled' && name !== 'name')
      throw unknown(name, ['name', 'onSettled', 'onDrainingRequest', 'migrate'])
  }
}

/**
 * Checks what a user gave as a hook.
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

/** What two calls in the process ask for together. */
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

/** Completes options with what else is in force. */
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

/** What can stand in the first line of a request. */
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
