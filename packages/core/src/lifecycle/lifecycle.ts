import type { Socket as DatagramSocket } from 'node:dgram'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server } from 'node:net'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Events } from '../events/events.ts'
import type { Handover } from '../handover/live/handover.ts'
import type { Health } from '../health/health.ts'
import { writeAnswer } from '../health/write-answer.ts'
import { isDatagramSocket } from '../listeners/datagram-socket.ts'
import { offerListenFds } from '../listeners/listen-fds.ts'
import type { ListenMessage } from '../listeners/listener.ts'
import { checkHook, type LifecycleOptions, presetOf } from '../options/options.ts'
import { serverHook } from '../servers/run-hook.ts'
import type { Release } from '../system/system.ts'
import { answerHealth } from './answer-health.ts'
import { attach, type AttachOptions, checkServer } from './attach.ts'
import type { Context } from './context.ts'
import type { ShutdownResult } from './ending.ts'
import type { HookInfo, HookKind, HookOptions } from './hooks.ts'
import type { RestartResult } from './restart-result.ts'
import type { State } from './state.ts'
import type { Status } from './status.ts'
import type { Parts } from './wiring.ts'

/** The lifecycle of this process. Every copy of the package in the process shares one instance. */
export class Lifecycle {
  readonly #parts: Parts
  readonly #context: Context

  constructor(parts: Parts) {
    this.#parts = parts
    this.#context = parts.context
  }

  /**
   * Emits an event for each thing that happens to the process.
   * @example
   * ```ts
   * lifecycle.events.on('restart:failed', ({ error }) => log.info(error.message))
   * ```
   */
  get events(): Events {
    return this.#context.reporter.events
  }

  /** 1 for a process that a person or a supervisor has started; each restart adds 1. */
  get generation(): number {
    return this.#parts.origin.generation
  }

  /** The current state of the process. */
  get state(): State {
    return this.#context.state.current
  }

  /**
   * Registers WebSockets and event streams that move to the successor at a restart, as idle connections do.
   */
  get handover(): Handover {
    return this.#context.handover
  }

  /** Liveness and readiness, as data. */
  health(): Health {
    return { live: true, ready: this.#parts.readiness.isReady }
  }

  /**
   * What the process is doing: generation, listeners, connections by state, what a drain waits for, the last restart.
   * Returns plain data. Each call computes it from Node's own lists, which takes about three milliseconds
   * for ten thousand connections. Without a call it costs nothing.
   * @example
   * ```ts
   * const { generation, connections } = lifecycle.status()
   * ```
   */
  status(): Status {
    return this.#parts.status.read()
  }

  /** Writes the status in lines of text to the log, or to stderr if there is no logger. */
  dumpStatus(): void {
    this.#parts.status.dump()
  }

  /**
   * Answers a health probe: `if (lifecycle.answerHealth(request, response)) return`. Only a server beside those of
   * an adapter needs this. In a process without an adapter, the option `health` makes every HTTP server answer
   * before its handlers see the probe.
   * @returns false for any other request, which it does not touch
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
   * Sets options, and makes zerodrop manage every server of this process from its first `listen()` on.
   * zerodrop handles signals from that `listen()` until the last server has closed. The plugins call this
   * method. It is safe to call several times.
   *
   * @throws `ERR_ZERODROP_OPTION_UNKNOWN`, `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_SIGNAL_UNKNOWN`,
   *   `ERR_ZERODROP_SIGNAL_UNSUPPORTED`; `ERR_ZERODROP_OPTION_CONFLICT` if an earlier call in this process set
   *   another value; `ERR_ZERODROP_INHERIT_INVALID` and `ERR_ZERODROP_INHERIT_MISMATCH` if this process was started
   *   with an invalid variable `ZERODROP_INHERIT`.
   * @example
   * ```ts
   * lifecycle.configure({ drainTimeout: 30_000, pidFile: '/run/app.pid' })
   * server.listen(3000)
   * ```
   */
  configure(options: LifecycleOptions = {}): void {
    const { configuration, health, origin, probed, reactions, readiness, serving } = this.#parts
    const { listeners, predecessor, reporter, system } = this.#context
    if (origin.error !== undefined) throw origin.error
    const wanted = configuration.add(options)
    // Sockets that name no process (no LISTEN_PID) are adopted only with the preset of the system that
    // passes them this way.
    if (presetOf(wanted) === 'grace') offerListenFds(listeners.inherited, system.takeListenFds())
    listeners.inherited.activated.name(configuration.settings.socketNames)
    reporter.logTo(wanted.logger)
    serving.watch()
    if (!configuration.configured) this.#begin()
    health.configure(configuration.settings.health, () => readiness.condition())
    probed.update()
    // A successor opens the health port when it is ready: until then its predecessor answers there.
    if (predecessor === undefined) void health.open()
    if (options.signals !== undefined) reactions.release()
    reactions.update()
  }

  /**
   * `configure()` for `@zerodrop/core/register`, which calls it inside each `listen()`. Options from the
   * environment and package.json apply unless the application sets them itself.
   * @param close closes the resources of the server's framework; undefined if a plugin of the framework does
   * that
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
   * Manages one `http`, `https`, `http2` or `net` server. A server that begins to listen after `configure()`
   * does not need this call. Use it for a server that listened before, to set options for one server, and
   * for an `http`, `https` or `http2` server that does not listen but gets its connections from another
   * server through `emit('connection')`.
   * @throws `ERR_ZERODROP_SERVER_INVALID`, and what `configure()` throws.
   * @example
   * ```ts
   * lifecycle.attach(server, { onSettled: () => worker.close() })
   * ```
   */
  attach(server: Server, options: AttachOptions = {}): void {
    checkServer(server)
    this.configure()
    attach(this.#parts, server, options)
  }

  /**
   * Leaves a server, or a UDP socket, to the application: it is neither drained nor inherited, and its `close()` is
   * Node's own. It serves until the process exits, and does not keep a process alive that a signal has
   * stopped. Call this before or after `listen()` or `bind()`, but not during a drain of that server. It
   * cannot be undone.
   *
   * A successor starts while this process still listens on that port: it has to use another port, or
   * `reusePort`.
   * @throws `ERR_ZERODROP_SERVER_INVALID` for any other argument
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
   * Declares this process ready. Needed only with `manualReady`; otherwise the process is ready when it
   * listens. A call before the first `listen()` takes effect then. Calling it again does nothing.
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
   * Whether the server of this request drains and tells the client so. Costs one comparison outside a drain.
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
   * Returns a signal that aborts when the server of this request begins to drain, for streams that do not
   * end by themselves. The reason is a `ZerodropError` with the code `ERR_ZERODROP_DRAINING`. Each request
   * has its own signal, so you need not remove listeners. If a response whose signal was requested does not
   * end, zerodrop ends its body properly at `drainTimeout`.
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
   * Stops serving: the process accepts no new connections and finishes in-flight requests. Idle connections
   * linger, in case a request is on its way. At `drainTimeout`, zerodrop cuts the rest. It does not exit:
   * Node does by itself when nothing else is open.
   *
   * Resolves when every connection has ended and the hooks have run (`onDrain`, the servers' hooks,
   * `onShutdown`), with a report of the requests that were served and cut. It never rejects. A second call
   * returns the same promise. Once a successor has taken over, a call returns the promise of the handover;
   * before that, it aborts the restart. Close resources of other libraries, such as database pools, in
   * `onShutdown`.
   * @example
   * ```ts
   * const { cut, milliseconds } = await lifecycle.shutdown('end of the test')
   * ```
   */
  shutdown(reason = 'shutdown()'): Promise<ShutdownResult> {
    return this.#parts.ending.shutdown(reason)
  }

  /**
   * Starts the same program again beside this process, hands the listening sockets and idle connections over
   * to it, drains the connections that cannot move, and exits.
   *
   * Resolves when the successor serves and this process has no connection left, just before it exits. What a
   * call during a restart does depends on `restartConcurrency`. If the restart fails, this process keeps
   * serving unchanged, and the promise rejects with
   * `ERR_ZERODROP_SPAWN_FAILED`, `ERR_ZERODROP_SUCCESSOR_EXITED`, `ERR_ZERODROP_READY_TIMEOUT`,
   * `ERR_ZERODROP_RESTART_ABORTED`, `ERR_ZERODROP_RESTART_IN_PROGRESS`, `ERR_ZERODROP_NOT_SERVING`, `ERR_ZERODROP_NOTHING_TO_HAND_OVER`,
   * `ERR_ZERODROP_PLATFORM_UNSUPPORTED`, `ERR_ZERODROP_CLUSTER_WORKER`, `ERR_ZERODROP_WORKER_THREAD` or
   * `ERR_ZERODROP_SUPERVISED`.
   * `stderr` of the error has the last lines that the successor printed to its stderr, if they are known.
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
   * Calls the hook each time this process becomes the serving one: when it is ready, and again if a
   * successor dies after it has taken over. A hook added after the process is ready runs on the next tick.
   * Hooks run one after another in the order in which they were added. Nothing waits for `onReady` hooks.
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
   * Calls the hook when this process begins to drain, to stop or to hand over: stop taking jobs from a queue
   * here. The drain does not wait for `onDrain` hooks, but `onShutdown` hooks do.
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
   * Calls the hook in both processes of a restart. It runs first in the predecessor, when the successor is
   * ready: give up resources here that only one process may hold. The handover waits for it. Then it runs in
   * the successor, once that has taken over.
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
   * Calls the hook when the last connection has ended, at a stop and in the predecessor of a restart: close
   * database pools here. Hooks run in reverse order, so that the resource opened first is closed last. They
   * do not run after a second signal.
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
   * Calls the hook last, before zerodrop itself ends the process after a signal or a restart: flush a logger
   * here. Hooks run in reverse order. They do not run after a second signal, nor after `shutdown()`, which
   * does not exit.
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
