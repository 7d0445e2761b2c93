import type { Socket as DatagramSocket } from 'node:dgram'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server } from 'node:net'
import { onFed } from '../connections/on-fed.ts'
import type { DrainingPolicy } from '../drain/refusal.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Events } from '../events/events.ts'
import type { Handover } from '../handover/live/handover.ts'
import type { Health } from '../health/health.ts'
import { writeAnswer } from '../health/write-answer.ts'
import { isDatagramSocket } from '../listeners/datagrams.ts'
import { offerListenFds } from '../listeners/listen-fds.ts'
import type { ListenMessage } from '../listeners/listener.ts'
import {
  checkAttachOptions,
  checkHook,
  type LifecycleOptions,
  type MigrationPolicy,
  presetOf,
} from '../options/options.ts'
import { serverHook } from '../servers/run-hook.ts'
import type { Release } from '../system/system.ts'
import { answerHealth } from './answer-health.ts'
import type { Context } from './context.ts'
import type { ShutdownResult } from './ending.ts'
import type { HookInfo, HookKind, HookOptions } from './hooks.ts'
import type { RestartResult } from './restart-result.ts'
import type { State } from './state.ts'
import type { Status } from './status.ts'
import type { Parts } from './wiring.ts'

/** What is special about one server. */
export interface AttachOptions {
  /**
   * Called in a drain of this server, when no connection is left that may bring a new request: time to end what does
   * not end by itself, and whatever else the server needs. The process does not exit before it has finished, or 5 s
   * after the last connection's end.
   */
  readonly onSettled?: () => unknown
  /** How the hook is called in a report. @default 'onSettled' */
  readonly name?: string
  /**
   * What becomes of a request that arrives while the server drains. For servers without an adapter: the adapters have
   * an option of the same name.
   * @default 'serve'
   */
  readonly onDrainingRequest?: DrainingPolicy<IncomingMessage>
  /** For the connections of this server, instead of the option of the same name of the process. */
  readonly migrate?: MigrationPolicy
}

/** The life of this process: there is one for each process, shared by every copy of the package in it. */
export class Lifecycle {
  readonly #parts: Parts
  readonly #context: Context

  constructor(parts: Parts) {
    this.#parts = parts
    this.#context = parts.context
  }

  /**
   * What happens to the process, by name.
   * @example
   * ```ts
   * lifecycle.events.on('restart:failed', ({ error }) => log.info(error.message))
   * ```
   */
  get events(): Events {
    return this.#context.reporter.events
  }

  /** 1 for a process that was started by hand or by a supervisor, one more for each restart. */
  get generation(): number {
    return this.#parts.origin.generation
  }

  /** Where the process is in its life. */
  get state(): State {
    return this.#context.state.current
  }

  /** What moves to the successor at a restart beyond idle connections: WebSockets and event streams. */
  get handover(): Handover {
    return this.#context.handover
  }

  /** Liveness and readiness, as data. */
  health(): Health {
    return { live: true, ready: this.#parts.readiness.isReady }
  }

  /**
   * What the process is doing: generation, listeners, connections by state, what a drain waits for, the last restart.
   * Plain data. It is computed when it is asked for, from Node's own lists: about three milliseconds for ten thousand
   * connections, and nothing while nobody asks.
   * @example
   * ```ts
   * const { generation, connections } = lifecycle.status()
   * ```
   */
  status(): Status {
    return this.#parts.status.read()
  }

  /** Writes the status to the log, or without a logger to stderr, in lines for a person. */
  dumpStatus(): void {
    this.#parts.status.dump()
  }

  /**
   * Answers a request that asks how the process is, for servers without an adapter:
   * `if (lifecycle.answerHealth(request, response)) return`.
   * @returns false for any other request, which it leaves alone
   * @example
   * ```ts
   * import { createServer } from 'node:http'
   *
   * lifecycle.configure({ health: true })
   * createServer((request, response) => {
   *   if (lifecycle.answerHealth(request, response)) return
   *   response.end('hello')
   * }).listen(3000)
   * ```
   */
  answerHealth(request: IncomingMessage, response: ServerResponse): boolean {
    const answering = answerHealth(this.#parts, request)
    if (answering === undefined) return false
    void writeAnswer(response, answering)
    return true
  }

  /**
   * States options, and lets zerodrop take care of every server of this process from the first `listen()` on. Signals
   * are handled from that call until the last server has closed. What the plugins call; safe to call many times.
   *
   * @throws `ERR_ZERODROP_OPTION_UNKNOWN`, `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_SIGNAL_UNKNOWN`,
   *   `ERR_ZERODROP_SIGNAL_UNSUPPORTED`; `ERR_ZERODROP_OPTION_CONFLICT` if an earlier call in this process asked for
   *   something else; `ERR_ZERODROP_INHERIT_INVALID` and `ERR_ZERODROP_INHERIT_MISMATCH` if this process was started
   *   with a variable `ZERODROP_INHERIT` that is wrong.
   * @example
   * ```ts
   * lifecycle.configure({ drainTimeout: 30_000, pidFile: '/run/app.pid' })
   * server.listen(3000)
   * ```
   */
  configure(options: LifecycleOptions = {}): void {
    const { configuration, health, origin, reactions, readiness, serving } = this.#parts
    const { listeners, predecessor, reporter, system } = this.#context
    if (origin.error !== undefined) throw origin.error
    const wanted = configuration.add(options)
    // Sockets that are for nobody in particular are taken only where somebody says whose habit that is.
    if (presetOf(wanted) === 'grace') offerListenFds(listeners.inherited, system.takeListenFds())
    listeners.inherited.activated.name(configuration.settings.socketNames)
    reporter.logTo(wanted.logger)
    serving.watch()
    if (!configuration.configured) this.#begin()
    health.configure(configuration.settings.health, () => readiness.condition())
    // A successor opens it when it is ready: until then its predecessor answers there.
    if (predecessor === undefined) void health.open()
    if (options.signals !== undefined) reactions.release()
    reactions.update()
  }

  /**
   * `configure()` for `@zerodrop/core/register`, which calls it inside each `listen()`. What the environment and package.json
   * say holds where the application says nothing itself.
   * @param close closes what the server's framework has beside it; unless a plugin of the framework does
   * @throws what `configure()` throws
   */
  register(listen: ListenMessage, close: (() => unknown) | undefined): void {
    const { configuration, reactions } = this.#parts
    if (configuration.find(this.#context.system)) {
      reactions.release()
      this.configure()
    }
    this.#context.listeners.join(listen)
    const { server } = listen
    if (close === undefined) return
    const settings = this.#context.servers.settingsOf(server)
    settings.hook ??= serverHook("the framework's close()", close)
  }

  /**
   * Takes care of one server: any `http`, `https`, `http2` or `net` server. Not needed for a server that begins to
   * listen after `configure()`; needed for one that listened before, for options of its own, and for an `http`, `https` or
   * `http2` server that does not listen and is given its connections by another server, by `emit('connection')`.
   * @throws `ERR_ZERODROP_SERVER_INVALID`, and what `configure()` throws.
   * @example
   * ```ts
   * lifecycle.attach(server, { onSettled: () => worker.close() })
   * ```
   */
  attach(server: Server, options: AttachOptions = {}): void {
    if (!(server instanceof Server)) {
      throw new ZerodropError(
        'ERR_ZERODROP_SERVER_INVALID',
        'attach() takes a server of node:net, node:http, node:https or node:http2. With Express and Koa that is what app.listen() returns, with Fastify app.server.',
      )
    }
    this.configure()
    checkAttachOptions(options)
    const { health, verdicts } = this.#parts
    const { listeners, reporter, servers } = this.#context
    const { name = 'onSettled', onSettled, onDrainingRequest, migrate } = options
    const settings = servers.settingsOf(server)
    if (onSettled !== undefined) settings.hook = serverHook(name, onSettled)
    if (onDrainingRequest !== undefined)
      settings.drainingPolicy = (request) =>
        health.isFor(request) ? 'serve' : verdicts.of(onDrainingRequest, request)
    if (migrate !== undefined) settings.migrate = migrate
    if (server.listening) listeners.add(server)
    else onFed(server, (first) => servers.addFed(server, first) || reporter.warn(notListening()))
  }

  /**
   * Leaves a server, or a UDP socket, to the application: it is neither drained nor inherited, and its `close()` is
   * Node's own. It works, and its connections live, until the process exits; it does not keep the process from that
   * where a signal ended it. Before or after `listen()` or `bind()`, and for good; in a drain of that server it is too
   * late.
   *
   * A successor starts while this process still listens there: it has to use another port, or `reusePort`.
   * @throws `ERR_ZERODROP_SERVER_INVALID` if it is neither
   * @example
   * ```ts
   * lifecycle.ignore(server)
   * server.listen(9229, '127.0.0.1')
   * ```
   */
  ignore(server: Server | DatagramSocket): void {
    const { datagrams, listeners, servers } = this.#context
    if (server instanceof Server) {
      listeners.ignore(server)
      servers.ignore(server)
      this.#parts.serving.onGone()
    } else if (isDatagramSocket(server)) {
      datagrams.ignore(server)
    } else {
      throw new ZerodropError(
        'ERR_ZERODROP_SERVER_INVALID',
        'ignore() takes a server of node:net, node:http, node:https or node:http2, or a socket of node:dgram.',
      )
    }
  }

  /**
   * Says that this process can serve. Only with `manualReady`; otherwise listening says it. Said before anything listens
   * it holds from then on. Calling it again does nothing.
   * @example
   * ```ts
   * lifecycle.configure({ manualReady: true })
   * server.listen(3000)
   * await pool.query('SELECT 1')
   * lifecycle.ready()
   * ```
   */
  ready(): void {
    this.#parts.readiness.declare()
  }

  /**
   * Whether the server of this request drains and its client is told so. Costs a comparison while nothing drains.
   * @example
   * ```ts
   * server.on('request', (request, response) => {
   *   if (lifecycle.isDraining(request)) response.setHeader('x-draining', 'true')
   *   response.end('hello')
   * })
   * ```
   */
  isDraining(request: IncomingMessage): boolean {
    return this.#context.servers.isDraining(request)
  }

  /**
   * A signal that is aborted when the server of this request begins to drain, for streams that do not end by
   * themselves. The reason is a `ZerodropError` with the code `ERR_ZERODROP_DRAINING`. Each request has its own, so
   * listeners need not be removed. What asked for it and does not end is ended at `drainTimeout`, with a correct end
   * of its body.
   * @example
   * ```ts
   * server.on('request', (request, response) => {
   *   response.writeHead(200, { 'content-type': 'text/event-stream' })
   *   lifecycle.draining(request).addEventListener('abort', () => response.end())
   * })
   * ```
   */
  draining(request: IncomingMessage): AbortSignal {
    const { servers } = this.#context
    return this.#parts.signals.of(request, servers.serverOf(request), servers.isDraining(request))
  }

  /**
   * Stops serving: no new connections; what is in flight finishes; idle connections linger, in case a request is on
   * its way; at `drainTimeout` the rest is cut. Does not exit: Node does by itself when nothing else is open.
   *
   * Resolves when every connection has ended and the hooks have run (`onDrain`, those of the servers, `onShutdown`),
   * with what was served and what had to be cut. It never rejects. A second call returns the same promise; after a
   * restart whose successor has taken over it is the handover's. A restart that has not come that far is aborted. What
   * other libraries hold open, such as database pools, is the matter of `onShutdown`.
   * @example
   * ```ts
   * const { cut, milliseconds } = await lifecycle.shutdown('end of the test')
   * ```
   */
  shutdown(reason = 'shutdown()'): Promise<ShutdownResult> {
    return this.#parts.ending.shutdown(reason)
  }

  /**
   * Starts the same program again beside this process, hands it the listening sockets and the live connections, drains
   * what cannot move, and exits.
   *
   * Resolves when the successor serves and no connection is left here, just before this process exits. Calls made
   * meanwhile join the same attempt, unless `restartConcurrency` says otherwise. Rejects, while this process goes on serving unchanged, with
   * `ERR_ZERODROP_SPAWN_FAILED`, `ERR_ZERODROP_SUCCESSOR_EXITED`, `ERR_ZERODROP_READY_TIMEOUT`,
   * `ERR_ZERODROP_RESTART_ABORTED`, `ERR_ZERODROP_RESTART_IN_PROGRESS`, `ERR_ZERODROP_NOT_SERVING`, `ERR_ZERODROP_NOTHING_TO_HAND_OVER`,
   * `ERR_ZERODROP_PLATFORM_UNSUPPORTED`, `ERR_ZERODROP_CLUSTER_WORKER`, `ERR_ZERODROP_WORKER_THREAD` or
   * `ERR_ZERODROP_SUPERVISED`.
   * `stderr` of the error holds the last lines that the successor printed there, as far as they are known.
   * @example
   * ```ts
   * try {
   *   await lifecycle.restart()
   * } catch (error) {
   *   log.info(`still serving: ${(error as Error).message}`)
   * }
   * ```
   */
  restart(): Promise<RestartResult> {
    return this.#parts.restarts.restart()
  }

  /**
   * Calls back each time this process has become the one that serves: when it is ready, and again when a successor died
   * after it had taken over. A hook added after the process is ready runs on the next tick. Hooks run one after another in
   * the order in which they were added; nothing waits for these.
   * @returns a function that removes the hook
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   * @example
   * ```ts
   * lifecycle.onReady('cron', () => cron.start())
   * ```
   */
  onReady(name: string, hook: (info: HookInfo['onReady']) => unknown, options: HookOptions = {}): Release {
    const late = this.#parts.succession.isReady && this.health().ready
    return this.#hook('onReady', name, hook, options, late ? { generation: this.generation } : undefined)
  }

  /**
   * Calls back when this process begins to drain, to stop or to hand over: time to take no more jobs from a queue. The
   * drain goes on meanwhile; `onShutdown` waits for these.
   * @returns a function that removes the hook
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   * @example
   * ```ts
   * lifecycle.onDrain('cron', () => cron.stop())
   * ```
   */
  onDrain(name: string, hook: (info: HookInfo['onDrain']) => unknown, options: HookOptions = {}): Release {
    return this.#hook('onDrain', name, hook, options)
  }

  /**
   * Calls back in both processes of a restart. First in the predecessor, when the successor is ready and before anything
   * is handed over, which waits for these: time to give up what only one process may hold. Then in the successor, when it
   * has taken over.
   * @returns a function that removes the hook
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   * @example
   * ```ts
   * lifecycle.onRestart('worker', async ({ role }) => {
   *   if (role === 'predecessor') await worker.close()
   * })
   * ```
   */
  onRestart(
    name: string,
    hook: (info: HookInfo['onRestart']) => unknown,
    options: HookOptions = {},
  ): Release {
    return this.#hook('onRestart', name, hook, options)
  }

  /**
   * Calls back when the last connection has ended, at a stop and in the predecessor of a restart: time to close database
   * pools. In the reverse of the order in which they were added, so that what was opened first is closed last. Not after
   * a second signal.
   * @returns a function that removes the hook
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   * @example
   * ```ts
   * lifecycle.onShutdown('database', () => pool.end(), { timeout: 2000 })
   * ```
   */
  onShutdown(
    name: string,
    hook: (info: HookInfo['onShutdown']) => unknown,
    options: HookOptions = {},
  ): Release {
    return this.#hook('onShutdown', name, hook, options)
  }

  /**
   * Calls back last, in the reverse of the order in which they were added, where zerodrop itself ends the process: after a
   * signal, and after a restart. Time to flush a logger. Not after a second signal, nor after `shutdown()`, which does not
   * exit.
   * @returns a function that removes the hook
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   * @example
   * ```ts
   * lifecycle.beforeExit('log', () => new Promise<void>((resolve) => logger.flush(resolve)))
   * ```
   */
  beforeExit(
    name: string,
    hook: (info: HookInfo['beforeExit']) => unknown,
    options: HookOptions = {},
  ): Release {
    return this.#hook('beforeExit', name, hook, options)
  }

  #hook<Kind extends HookKind>(
    kind: Kind,
    name: string,
    hook: (info: HookInfo[Kind]) => unknown,
    options: HookOptions,
    late?: HookInfo[Kind],
  ): Release {
    checkHook(kind, name, hook, options)
    return this.#context.hooks.add(kind, name, hook, options, late)
  }

  #begin(): void {
    const { configuration, origin } = this.#parts
    configuration.begin()
    const { addresses, generation } = origin
    if (addresses.length > 0) this.#context.reporter.tell('inherited', { generation, listeners: addresses })
  }
}

function notListening(): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_SERVER_NOT_LISTENING',
    'A server that was given to attach() speaks no HTTP, does not listen, and gets its connections from another server ' +
      'by emit("connection"). In a drain, they are connections of the server that accepted them: what is in flight may ' +
      'finish until drainTimeout, but no client is told, and what is open then is cut. Let the server listen, on a port or ' +
      'a Unix socket of its own, and have the other server connect to it.',
  )
}
