import type { Socket as DatagramSocket } from 'node:dgram'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server } from 'node:net'
import { DrainingSignals } from '../drain/draining-signals.ts'
import { type DrainingPolicy, Refusal, refused } from '../drain/refusal.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Events } from '../events/events.ts'
import { Arrivals } from '../handover/arrivals.ts'
import { message } from '../handover/protocol.ts'
import { Handover } from '../handover/live/handover.ts'
import { LiveArrivals } from '../handover/live/live-arrivals.ts'
import { onFed } from '../connections/on-fed.ts'
import { InheritedTicketKeys } from '../handover/ticket-keys.ts'
import type { Health } from '../health/health.ts'
import type { HealthAnswer } from '../health/probes.ts'
import { writeAnswer } from '../health/write-answer.ts'
import { foundOptions } from '../options/found-options.ts'
import { Datagrams, isDatagramSocket } from '../listeners/datagrams.ts'
import { Hold } from '../listeners/hold.ts'
import { type Inheritance, InheritedListeners, readInheritance } from '../listeners/inheritance.ts'
import { offerListenFds } from '../listeners/listen-fds.ts'
import { type Listener, Listeners, type ListenMessage } from '../listeners/listeners.ts'
import { Openings } from '../listeners/openings.ts'
import type { Release, System } from '../system/system.ts'
import { ClusterWorkers } from '../servers/cluster-workers.ts'
import type { Context } from './context.ts'
import type { DrainGroup } from '../servers/drain-group.ts'
import { DrainingVerdicts } from '../drain/draining-verdicts.ts'
import { Drains } from '../servers/drains.ts'
import { Ending, type ShutdownResult } from './ending.ts'
import { Charge } from './charge.ts'
import { ExitWatch } from './exit-watch.ts'
import { HealthService } from './health-service.ts'
import { History } from './history.ts'
import { type HookInfo, type HookKind, type HookOptions, Hooks } from './hooks.ts'
import { Kept } from './kept.ts'
import { ServerHooks } from '../servers/server-hooks.ts'
import type { Logger } from '../events/logger.ts'
import { ManagedServers } from '../servers/managed-servers.ts'
import {
  checkAttachOptions,
  checkConflict,
  checkHook,
  checkOptions,
  checkPlain,
  checkPolicy,
  defaults,
  joinOptions,
  type LifecycleOptions,
  type MigrationPolicy,
  mergeOptions,
  presetOf,
  type Settings,
} from '../options/options.ts'
import { ProgressDisplay } from './progress.ts'
import { Readiness } from '../handover/readiness.ts'
import { SelfCheck } from '../handover/self-check.ts'
import { isCheck } from '../health/self-socket.ts'
import { Reporter } from '../events/reporter.ts'
import type { RestartResult } from './restart-result.ts'
import { Restarts } from './restarts.ts'
import { SignalReactions } from './signal-reactions.ts'
import { type State, StateMachine } from './state.ts'
import { describeStatus, type Status, statusOf } from './status.ts'
import { Succession } from './succession.ts'

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
  readonly #system: System
  readonly #listeners: Listeners
  readonly #hold: Hold
  readonly #datagrams: Datagrams
  readonly #openings: Openings
  readonly #signals = new DrainingSignals()
  readonly #servers: ManagedServers
  readonly #serverHooks = new ServerHooks()
  readonly #hooks: Hooks
  readonly #charge: Charge
  readonly #drains: Drains
  readonly #workers: ClusterWorkers
  readonly #verdicts: DrainingVerdicts
  readonly #reporter: Reporter
  readonly #history: History
  readonly #health: HealthService
  readonly #readiness: Readiness
  readonly #selfCheck: SelfCheck
  readonly #arrivals: Arrivals
  readonly #liveArrivals: LiveArrivals
  /** What moves to the successor at a restart beyond idle connections: WebSockets and event streams. */
  readonly handover: Handover
  readonly #generation: number
  /** The addresses of the sockets that the predecessor gave. */
  readonly #inherited: readonly string[]
  /** Why what the predecessor left could not be read: raised where the user first calls us. */
  readonly #inheritError: ZerodropError | undefined
  readonly #ticketKeys: InheritedTicketKeys | undefined
  readonly #state: StateMachine
  readonly #ending: Ending
  readonly #restarts: Restarts
  readonly #reactions: SignalReactions
  readonly #succession: Succession
  readonly #exitWatch: ExitWatch
  /** Where a keeper holds the pid that everybody knows. */
  readonly #kept: Kept | undefined
  #asked: LifecycleOptions = {}
  /** What holds where the application says nothing. */
  #found: LifecycleOptions | undefined
  #settings: Settings = defaults
  #configured = false
  #watching = false
  #saidReady = false
  #toldReady = false
  /** Whether all but what the process asks itself has happened for it to be ready. */
  #checking = false
  #stopPatience: Release | undefined

  constructor(system: System) {
    this.#system = system
    this.#reporter = new Reporter(system)
    this.#arrivals = new Arrivals(system)
    this.handover = new Handover(() => this.#tellTakes())
    this.#liveArrivals = new LiveArrivals(system, this.handover)
    this.#servers = new ManagedServers(
      system,
      this.#signals,
      (address) => this.#succession.isUnderPredecessor && this.#inherited.includes(address),
    )
    this.#drains = new Drains(system, this.#servers, this.#serverHooks, this.#reporter)
    this.#workers = new ClusterWorkers(system, this.#reporter)
    this.#verdicts = new DrainingVerdicts((warning) => this.#reporter.warn(warning))
    this.#history = new History(system, this.#reporter)
    this.#health = new HealthService(system, this.#reporter, () => this.#condition())
    const { inheritance, error } = inherit(system)
    this.#inheritError = error
    // Whatever its version, the predecessor learns from this that it waits for a process that will not take over.
    if (error !== undefined) system.predecessor?.send(message({ type: 'started' }))
    this.#generation = inheritance?.generation ?? system.keeper?.generation ?? 1
    const given = inheritance?.listeners ?? system.keeper?.listeners ?? []
    this.#inherited = given.map(({ bound }) => bound)
    const predecessor = inheritance === undefined ? undefined : system.predecessor
    const inherited = new InheritedListeners(given)
    this.#hold = new Hold(system, predecessor !== undefined)
    this.#openings = new Openings(system, () => this.#updateSignals())
    this.#listeners = new Listeners(system, inherited, this.#hold, {
      onStart: ({ server, options }) => {
        if (!this.#health.owns(server)) this.#openings.listen(server, options)
      },
      onFailed: (server) => this.#openings.fail(server),
      onListening: (listener) => this.#onListening(listener),
      onClosed: (server) => this.#onClosed(server),
      onWarning: (warning) => this.#reporter.warn(warning),
      onNotHeld: (address) => this.#succession.onNotHeld(address),
      onClusterListening: (handle) => this.#workers.addHandle(handle),
    })
    this.#datagrams = new Datagrams(system, inherited, this.#hold, {
      onBinding: (socket) => this.#openings.bind(socket),
      onFailed: (socket) => this.#openings.fail(socket),
      onBound: (socket) => {
        this.#onBound()
        this.#openings.succeed(socket)
      },
      onClosed: () => this.#onGone(),
      onWarning: (warning) => this.#reporter.warn(warning),
    })
    const readyTimeout = inheritance?.readyTimeout ?? Infinity
    this.#readiness = new Readiness(system, readyTimeout, () => this.#becomeReady())
    this.#selfCheck = new SelfCheck(system, {
      server: () => this.#firstHttpServer(),
      onNotReady: (reason) => {
        if (this.#succession.isUnderPredecessor) predecessor?.send(message({ type: 'not-ready', reason }))
      },
      onWarmUpFailed: (text) => this.#reporter.write(text, {}, 'warn'),
    })
    this.#state = new StateMachine((state) => {
      if (state === 'serving') this.#check()
      else if (state !== 'restarting') this.#stopChecking()
      this.#exitWatch.update(state)
      this.#updateSignals()
      if (state === 'closed') this.#health.close()
    })
    this.#hooks = new Hooks(system, this.#reporter)
    const { generation } = this
    this.#charge = new Charge(
      system,
      this.#reporter,
      () => this.#settings.pidFile,
      () => this.#kept?.onCharge(),
    )
    const context = this.#context()
    this.#ending = new Ending(context, () => this.#onShutdown())
    this.#restarts = new Restarts(context, this.#ending, {
      generation,
      predecessorGone: predecessor && new Promise((resolve) => predecessor.onDisconnect(resolve)),
      tellPredecessor: () => {
        if (this.#succession.isUnderPredecessor) predecessor?.send(message({ type: 'restart' }))
      },
    })
    this.#exitWatch = new ExitWatch(context)
    this.#reactions = new SignalReactions(context, {
      ending: this.#ending,
      restarts: this.#restarts,
      exitWatch: this.#exitWatch,
      dumpStatus: () => this.dumpStatus(),
    })
    if (predecessor !== undefined && inheritance?.ticketKeys === true)
      this.#ticketKeys = new InheritedTicketKeys(predecessor)
    this.#succession = new Succession(context, {
      generation,
      predecessor,
      predecessorPid: inheritance?.pid ?? 0,
      ticketKeys: this.#ticketKeys,
      readyTimeout,
      notReady: () => this.#selfCheck.reason,
      onRestart: () => void this.#restarts.restart(true),
      onDismissed: () => void this.#ending.shutdownAndExit('dismissed', this.#settings, 'SIGTERM'),
    })
    this.#kept =
      system.keeper &&
      new Kept(system.keeper, context, this.#generation, this.#inherited, {
        restart: () => this.#restarts.restart(),
        stop: () => void this.#ending.shutdownAndExit('stop', this.#settings, 'SIGTERM'),
        status: () => this.status(),
        abandoned: () => void this.#ending.shutdownAndExit('keeper gone', this.#settings, 'SIGTERM'),
      })
    new ProgressDisplay(context).watch()
    if (inheritance !== undefined || given.length > 0) this.#watch()
    if (predecessor === undefined) return
    predecessor.onDisconnect(this.#arrivals.listen(predecessor, (address) => this.#servers.at(address)))
    predecessor.onDisconnect(this.#liveArrivals.listen(predecessor, (address) => this.#servers.at(address)))
  }

  /** What happens to the process, by name. */
  get events(): Events {
    return this.#reporter.events
  }

  /** 1 for a process that was started by hand or by a supervisor, one more for each restart. */
  get generation(): number {
    return this.#generation
  }

  get state(): State {
    return this.#state.current
  }

  /** Liveness and readiness, as data. */
  health(): Health {
    const serving = this.state === 'serving' || this.state === 'restarting'
    const answers = this.#toldReady || !SelfCheck.isWanted(this.#settings)
    return { live: true, ready: serving && answers && this.#isSaidReady }
  }

  /**
   * What the process is doing: generation, listeners, connections by state, what a drain waits for, the last restart.
   * Plain data. It is computed when it is asked for, from Node's own lists: about three milliseconds for ten thousand
   * connections, and nothing while nobody asks.
   */
  status(): Status {
    return statusOf(this.#context(), {
      generation: this.#generation,
      ready: this.health().ready,
      history: this.#history,
      isInherited: (address) => address !== undefined && this.#inherited.includes(address),
      migrated: this.#migrated(),
    })
  }

  #migrated(): Status['migrated'] {
    const received = this.#liveArrivals.taken
    const sent = this.#restarts.movedLive
    return {
      received: this.#arrivals.taken + received.websockets + received.streams,
      sent: this.#restarts.moved,
      websockets: { received: received.websockets, sent: sent.websockets },
      streams: { received: received.streams, sent: sent.streams },
    }
  }

  /** Writes the status to the log, or without a logger to stderr, in lines for a person. */
  dumpStatus(): void {
    const status = this.status()
    for (const line of describeStatus(status)) this.#reporter.write(line, { status })
  }

  /**
   * The answer to a request that asks how the process is; undefined for any other request, and where the option
   * `health` does not want the application's servers to answer. For adapters and handlers that send it themselves.
   */
  healthAnswer(request: IncomingMessage): Promise<HealthAnswer> | undefined {
    return this.#answer(request)
  }

  /** The paths of such requests: none where the application's servers do not answer them. */
  get healthPaths(): readonly string[] {
    return this.#health.paths
  }

  /**
   * Answers a request that asks how the process is, for servers without an adapter:
   * `if (lifecycle.answerHealth(request, response)) return`.
   * @returns false for any other request, which it leaves alone
   */
  answerHealth(request: IncomingMessage, response: ServerResponse): boolean {
    const answering = this.#answer(request)
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
   */
  configure(options: LifecycleOptions = {}): void {
    if (this.#inheritError !== undefined) throw this.#inheritError
    checkOptions(options)
    checkConflict(this.#asked, options)
    this.#asked = joinOptions(this.#asked, options)
    const wanted = joinOptions(this.#found ?? {}, this.#asked)
    this.#settings = mergeOptions(defaults, wanted)
    // Sockets that are for nobody in particular are taken only where somebody says whose habit that is.
    if (presetOf(wanted) === 'grace') offerListenFds(this.#listeners.inherited, this.#system.takeListenFds())
    this.#reporter.logTo(wanted.logger)
    this.#watch()
    if (!this.#configured) this.#begin()
    this.#health.configure(this.#settings.health)
    // A successor opens it when it is ready: until then its predecessor answers there.
    if (this.#system.predecessor === undefined) void this.#health.open()
    if (options.signals !== undefined) this.#reactions.release()
    this.#updateSignals()
  }

  /**
   * `configure()` for `@zerodrop/core/register`, which calls it inside each `listen()`. What the environment and package.json
   * say holds where the application says nothing itself.
   * @param close closes what the server's framework has beside it; unless a plugin of the framework does
   * @throws what `configure()` throws
   */
  register(listen: ListenMessage, close: (() => unknown) | undefined): void {
    if (this.#found === undefined) {
      const { commandLine, environment } = this.#system
      this.#found = foundOptions(commandLine.cwd, environment)
      this.#reactions.release()
      this.configure()
    }
    this.#listeners.join(listen)
    const { server } = listen
    if (close !== undefined && this.#serverHooks.get(server) === undefined)
      this.#serverHooks.set(server, "the framework's close()", close)
  }

  /**
   * Takes care of one server: any `http`, `https`, `http2` or `net` server. Not needed for a server that begins to
   * listen after `configure()`; needed for one that listened before, for options of its own, and for an `http` or `https`
   * server that does not listen and is given its connections by another server, by `emit('connection')`.
   * @throws `ERR_ZERODROP_SERVER_INVALID`, and what `configure()` throws.
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
    const { name = 'onSettled', onSettled, onDrainingRequest, migrate } = options
    if (onSettled !== undefined) this.#serverHooks.set(server, name, onSettled)
    if (onDrainingRequest !== undefined)
      this.#servers.setPolicy(server, this.#sparingProbes(onDrainingRequest))
    if (migrate !== undefined) this.#servers.setMigrationPolicy(server, migrate)
    if (server.listening) this.#listeners.add(server)
    else onFed(server, (first) => this.#servers.addFed(server, first) || this.#reporter.warn(notListening()))
  }

  /**
   * Leaves a server, or a UDP socket, to the application: it is neither drained nor inherited, and its `close()` is
   * Node's own. It works, and its connections live, until the process exits; it does not keep the process from that
   * where a signal ended it. Before or after `listen()` or `bind()`, and for good; in a drain of that server it is too
   * late.
   *
   * A successor starts while this process still listens there: it has to use another port, or `reusePort`.
   * @throws `ERR_ZERODROP_SERVER_INVALID` if it is neither
   */
  ignore(server: Server | DatagramSocket): void {
    if (server instanceof Server) {
      this.#listeners.ignore(server)
      this.#servers.ignore(server)
      this.#onGone()
    } else if (isDatagramSocket(server)) {
      this.#datagrams.ignore(server)
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
   */
  ready(): void {
    this.#saidReady = true
    // A process that does not listen serves nobody, whatever it says.
    if (this.#settings.manualReady && this.state !== 'starting') this.#readiness.onListening(0)
  }

  /** Whether the server of this request drains and its client is told so. Costs a comparison while nothing drains. */
  isDraining(request: IncomingMessage): boolean {
    return this.#servers.isDraining(request)
  }

  /**
   * A signal that is aborted when the server of this request begins to drain, for streams that do not end by
   * themselves. The reason is a `ZerodropError` with the code `ERR_ZERODROP_DRAINING`. Each request has its own, so
   * listeners need not be removed. What asked for it and does not end is ended at `drainTimeout`, with a correct end
   * of its body.
   */
  draining(request: IncomingMessage): AbortSignal {
    return this.#signals.of(request, this.#servers.serverOf(request), this.isDraining(request))
  }

  /**
   * `configure()` for an adapter, whose own options include what becomes of requests while draining.
   * @param frameworkLog where the operator reads, unless the option `logger` says another place
   * @returns that policy
   * @throws what `configure()` throws
   */
  adapt<Request>(
    options: LifecycleOptions & { onDrainingRequest?: DrainingPolicy<Request> },
    frameworkLog?: Logger,
  ): DrainingPolicy<Request> {
    checkPlain(options)
    const { onDrainingRequest = 'serve', ...processWide } = options
    checkOptions(processWide, ['onDrainingRequest'])
    this.configure(processWide)
    if (frameworkLog !== undefined) this.#reporter.logToFramework(frameworkLog)
    checkPolicy(onDrainingRequest)
    return onDrainingRequest
  }

  /**
   * Decides on a request that has reached an adapter.
   * @returns undefined to serve it; otherwise the error that the framework's error handling is to answer with.
   */
  admit<Request>(
    request: IncomingMessage,
    policy: DrainingPolicy<Request>,
    frameworkRequest: Request,
  ): Refusal | undefined {
    if (policy === 'serve' || !this.isDraining(request) || this.#health.isFor(request)) return undefined
    if (this.#verdicts.of(policy, frameworkRequest) === 'serve') return undefined
    refused.add(request)
    return new Refusal()
  }

  /**
   * Begins to drain one server, and those that answer for it on other addresses, while the process goes on. Resolves
   * when no connection is left that may bring a new request; at once if it does not listen. `server.close()` begins the
   * same drain, and its callback comes when the last connection has ended.
   */
  async settle(server: Server): Promise<void> {
    await this.#close(server, this.#servers.siblings(server))?.settled
  }

  /**
   * Stops serving: no new connections; what is in flight finishes; idle connections linger, in case a request is on
   * its way; at `drainTimeout` the rest is cut. Does not exit: Node does by itself when nothing else is open.
   *
   * Resolves when every connection has ended and the hooks have run (`onDrain`, those of the servers, `onShutdown`),
   * with what was served and what had to be cut. It never rejects. A second call returns the same promise; after a
   * restart whose successor has taken over it is the hand-over's. A restart that has not come that far is aborted. What
   * other libraries hold open, such as database pools, is the matter of `onShutdown`.
   */
  shutdown(reason = 'shutdown()'): Promise<ShutdownResult> {
    return this.#ending.shutdown(reason)
  }

  /**
   * Starts the same program anew beside this process, hands it the listening sockets and the live connections, drains
   * what cannot move, and exits.
   *
   * Resolves when the successor serves and no connection is left here, just before this process exits. Calls made
   * meanwhile join the same attempt, unless `restartConcurrency` says otherwise. Rejects, while this process goes on serving unchanged, with
   * `ERR_ZERODROP_SPAWN_FAILED`, `ERR_ZERODROP_SUCCESSOR_EXITED`, `ERR_ZERODROP_READY_TIMEOUT`,
   * `ERR_ZERODROP_RESTART_ABORTED`, `ERR_ZERODROP_RESTART_IN_PROGRESS`, `ERR_ZERODROP_NOT_SERVING`, `ERR_ZERODROP_NOTHING_TO_HAND_OVER`,
   * `ERR_ZERODROP_PLATFORM_UNSUPPORTED`, `ERR_ZERODROP_CLUSTER_WORKER`, `ERR_ZERODROP_WORKER_THREAD` or
   * `ERR_ZERODROP_SUPERVISED`.
   * `stderr` of the error holds the last lines that the successor printed there, as far as they are known.
   */
  restart(): Promise<RestartResult> {
    return this.#restarts.restart()
  }

  /**
   * Calls back each time this process has become the one that serves: when it is ready, and again when a successor died
   * after it had taken over. One that is added when it is ready already is called at once, in a turn of its own. Hooks of a kind run one after another in the order in which they were added; nothing waits for
   * these.
   * @returns takes it back
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   */
  onReady(name: string, hook: (info: HookInfo['onReady']) => unknown, options: HookOptions = {}): Release {
    const late = this.#succession.isReady && this.health().ready
    return this.#hook('onReady', name, hook, options, late ? { generation: this.#generation } : undefined)
  }

  /**
   * Calls back when this process begins to drain, to stop or to hand over: time to take no more jobs from a queue. The
   * drain goes on meanwhile; `onShutdown` waits for these.
   * @returns takes it back
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   */
  onDrain(name: string, hook: (info: HookInfo['onDrain']) => unknown, options: HookOptions = {}): Release {
    return this.#hook('onDrain', name, hook, options)
  }

  /**
   * Calls back in both processes of a restart. First in the predecessor, when the successor is ready and before anything
   * is handed over, which waits for these: time to give up what only one process may hold. Then in the successor, when it
   * has taken over.
   * @returns takes it back
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
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
   * @returns takes it back
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
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
   * @returns takes it back
   * @throws `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
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
    return this.#hooks.add(kind, name, hook, options, late)
  }

  #context(): Context {
    const settings = (): Settings => this.#settings
    return {
      system: this.#system,
      reporter: this.#reporter,
      listeners: this.#listeners,
      hold: this.#hold,
      datagrams: this.#datagrams,
      servers: this.#servers,
      drains: this.#drains,
      workers: this.#workers,
      hooks: this.#hooks,
      charge: this.#charge,
      state: this.#state,
      handover: this.handover,
      get settings() {
        return settings()
      },
    }
  }

  /** How the process is for those who ask: while it hands over, its successor serves where it did. */
  #condition(): Health & { state: State } {
    const { live, ready } = this.health()
    return { live, ready: ready || this.state === 'handing-over', state: this.state }
  }

  /** What the process itself is told when it asks for `/readyz`: whether all else is well, or it would wait for itself. */
  #answer(request: IncomingMessage): Promise<HealthAnswer> | undefined {
    const isOwn = this.#checking && isCheck(request.socket)
    return this.#health.answer(request, isOwn ? () => ({ ...this.#condition(), ready: true }) : undefined)
  }

  get #isSaidReady(): boolean {
    return !this.#settings.manualReady || this.#saidReady
  }

  #sparingProbes(policy: DrainingPolicy<IncomingMessage>): DrainingPolicy<IncomingMessage> {
    return (request) => (this.#health.isFor(request) ? 'serve' : this.#verdicts.of(policy, request))
  }

  #begin(): void {
    this.#configured = true
    if (this.#inherited.length === 0) return
    this.#reporter.tell('inherited', { generation: this.#generation, listeners: this.#inherited })
  }

  #onShutdown(): Promise<void> {
    this.#kept?.onStop()
    this.#readiness.reset()
    this.#checking = false
    this.#stopChecking()
    this.#system.predecessor?.send(message({ type: 'stopping' }))
    return this.#restarts.abort()
  }

  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#listeners.watch()
    this.#watchCluster()
    if (this.#system.incapacity === undefined) this.#datagrams.watch()
  }

  /** A primary of node:cluster serves as long as one of its workers does, and a worker outlives its primary. */
  #watchCluster(): void {
    this.#workers.watch((listens) => {
      if (listens) this.#onBound()
      else this.#onGone()
      this.#updateSignals()
    })
    this.#system.cluster.onPrimaryGone(() => {
      if (!this.#configured || this.state === 'starting') return false
      void this.#ending.shutdownAndExit("the end of the cluster's primary", this.#settings, undefined)
      return true
    })
  }

  /**
   * Signal handlers are there from before the first server is bound, because its port accepts at once, until the last has
   * closed, and through a drain to the exit.
   */
  #updateSignals(): void {
    const wanted =
      this.#configured &&
      (this.state !== 'starting' || this.#workers.size > 0 || this.#openings.size > 0) &&
      // Also while the last hooks run: a signal must not end what zerodrop is about to end.
      (this.state !== 'closed' || this.#ending.exits) &&
      this.#system.incapacity !== 'worker-thread'
    if (wanted) this.#reactions.watch()
    else this.#reactions.release()
  }

  #onListening(listener: Listener): void {
    const { server } = listener
    const isOwn = this.#health.owns(server)
    for (const each of [server, ...this.#servers.fedBy(server)]) this.#drains.onListening(each)
    this.#servers.add(listener, isOwn, () => this.#close(server, [server])?.closed(server))
    this.#ticketKeys?.onListening(server)
    this.#tellListening(server)
    if (!isOwn) this.#onBound()
    this.#openings.succeed(server)
    this.#kept?.update()
  }

  /** One more socket of this process is open to its clients. */
  #onBound(): void {
    if (this.state === 'starting') this.#state.to('serving')
    if (this.#settings.manualReady && !this.#saidReady) return
    // After the turn in which the application opens its servers, so that all it opens together count.
    this.#system.setImmediate(() => {
      // It was a probe, and has closed.
      if (!this.#isIdle) this.#readiness.onListening(this.#missing())
    })
  }

  /** Whether nothing of the application is open to clients. */
  get #isIdle(): boolean {
    return !this.#servers.isServing && this.#datagrams.size === 0 && this.#workers.size === 0
  }

  /** How many inherited sockets the application has not asked for: that of the health port is taken at the end. */
  #missing(): number {
    return this.#listeners.inherited.left.filter(({ requested }) => requested !== this.#health.address).length
  }

  #tellListening(server: Server): void {
    const address = this.#servers.addressOf(server)
    if (address === undefined) return
    this.#reporter.tell('listening', { address, inherited: this.#inherited.includes(address) })
  }

  #becomeReady(): void {
    if (this.#toldReady || this.#checking) return
    this.#checking = true
    this.#check()
  }

  /** Lets the process ask itself before it says that it is ready. */
  #check(): void {
    if (!this.#checking) return
    // Of a cluster's primary the workers answer, and each of them asks itself.
    if (
      !SelfCheck.isWanted(this.#settings) ||
      (this.#workers.size > 0 && this.#firstHttpServer() === undefined)
    )
      return this.#sayReady()
    const { readyTimeout } = this.#settings
    if (this.#system.predecessor === undefined)
      this.#stopPatience ??= this.#system.setTimeout(
        () => this.#reporter.warn(this.#notReady(readyTimeout)),
        readyTimeout,
      )
    this.#selfCheck.start(this.#settings, () => this.#sayReady())
  }

  #stopChecking(): void {
    this.#stopPatience?.()
    this.#stopPatience = undefined
    this.#selfCheck.stop()
  }

  #notReady(readyTimeout: number): ZerodropError {
    const reason = this.#selfCheck.reason ?? 'it has not asked itself yet'
    return new ZerodropError(
      'ERR_ZERODROP_READY_TIMEOUT',
      `This process was not ready within ${readyTimeout} ms: ${reason}. It serves, says that it is not ready, and goes on asking.`,
    )
  }

  /** The first of the application's servers that speaks HTTP. */
  #firstHttpServer(): Server | undefined {
    return this.#servers.mortal.find((server) => {
      const connections = this.#servers.get(server)
      return server.listening && (connections?.http !== undefined || connections?.http2 === true)
    })
  }

  #sayReady(): void {
    if (this.#toldReady) return
    this.#toldReady = true
    this.#checking = false
    this.#stopChecking()
    const begin = (): void => {
      this.#reporter.tell('ready', { generation: this.#generation })
      this.#succession.becomeReady()
      this.#system.supervisor?.ready()
    }
    // Its predecessor closes its own as soon as it hears that this process is ready.
    if (this.#health.isClosed) void this.#health.open().then(begin)
    else begin()
  }

  /** Tells the predecessor what can be taken over from it, as soon as the application says so. */
  #tellTakes(): void {
    const { streams, webSockets } = this.handover.takes
    if (this.#succession.isUnderPredecessor)
      this.#system.predecessor?.send(message({ type: 'takes', streams, webSockets }))
  }

  #close(server: Server, together: readonly Server[]): DrainGroup | undefined {
    if (!this.#configured) return undefined
    const fed = this.#servers.fedOnlyBy(together)
    return this.#drains.close(server, [...together, ...fed], this.#settings)
  }

  #onClosed(server: Server): void {
    const drain = this.#servers.drainOf(server)
    // Node counts only what it has accepted itself: connections that came by `emit('connection')` go on draining.
    if (drain !== undefined && drain.connections.size > 0) {
      void drain.connections.empty().then(() => this.#onClosed(server))
      return
    }
    if (server.listening) return
    this.#servers.delete(server)
    this.#onGone()
  }

  #onGone(): void {
    this.#kept?.update()
    if (!this.#isIdle) return
    this.#readiness.reset()
    this.#checking = false
    this.#stopChecking()
    if (this.state === 'serving') this.#state.to('starting')
  }
}

function notListening(): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_SERVER_NOT_LISTENING',
    'A server of HTTP/2, or of no HTTP, that was given to attach() does not listen: it gets its connections from another server, by emit("connection"). ' +
      'In a drain they are connections of the server that accepted them, which speaks no HTTP: requests in flight finish ' +
      'until drainTimeout, but no client is told, and what is open then is cut. Let the server listen, on a port or a Unix ' +
      'socket of its own to which the other server connects.',
  )
}

function inherit(system: System): { inheritance?: Inheritance; error?: ZerodropError } {
  if (system.inheritVariable === undefined) return {}
  try {
    return { inheritance: readInheritance(system.inheritVariable) }
  } catch (error) {
    return { error: error as ZerodropError }
  }
}
