import type { IncomingMessage } from 'node:http'
import { Server } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { DrainingSignals } from '../drain/draining-signals.ts'
import { type DrainingPolicy, type DrainingVerdict, decide, Refusal, refused } from '../drain/refusal.ts'
import { type DrainResult, name, summarise } from '../drain/report.ts'
import type { ServerDrain } from '../drain/server-drain.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { Events, type LifecycleEvents } from '../events/events.ts'
import { Arrivals } from '../handover/arrivals.ts'
import { type Leaving, Migration } from '../handover/migration.ts'
import { message } from '../handover/protocol.ts'
import { type Successor, startSuccessor } from '../handover/successor.ts'
import type { Health } from '../health/health.ts'
import { boundAddress } from '../listeners/address.ts'
import { type Inheritance, InheritedListeners, readInheritance } from '../listeners/inheritance.ts'
import { handleOf, type Inheritable, type Listener, Listeners } from '../listeners/listeners.ts'
import { exitStatus, type SignalAction, watchSignals } from '../signals/signal-actions.ts'
import type { Release, System } from '../system/system.ts'
import { checkRestart } from './check-restart.ts'
import { DrainGroup } from './drain-group.ts'
import { ServerHooks } from './hooks.ts'
import { type DrainManner, ManagedServers } from './managed-servers.ts'
import {
  checkAttachOptions,
  checkConflict,
  checkOptions,
  checkPolicy,
  defaults,
  type LifecycleOptions,
  mergeOptions,
  type Settings,
} from './options.ts'
import { Readiness } from './readiness.ts'
import { type State, step } from './state.ts'

/** How a stop went. */
export interface ShutdownResult extends DrainResult {
  /** The signal, or `'shutdown()'`. */
  readonly reason: string
}

/** How a restart went. */
export interface RestartResult extends DrainResult {
  /** The successor's process id. */
  readonly pid: number
  readonly generation: number
  /** How many listening sockets the successor inherited. */
  readonly listeners: number
  /** How many live connections it took over. */
  readonly migrated: number
}

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
}

/** How long after its channel a successor's process may end, to count as dead and not as having closed it. */
const deathPatience = 1000

/** The life of this process: there is one for each process, shared by every copy of the package in it. */
export class Lifecycle {
  readonly events: Events = new Events()
  readonly #system: System
  readonly #listeners: Listeners
  readonly #signals = new DrainingSignals()
  readonly #servers: ManagedServers
  readonly #hooks = new ServerHooks()
  readonly #groups = new WeakMap<Server, DrainGroup>()
  readonly #readiness: Readiness
  readonly #generation: number
  /** Why what the predecessor left could not be read: raised where the user first calls us. */
  readonly #inheritError: ZerodropError | undefined
  #state: State = 'starting'
  #asked: LifecycleOptions = {}
  #settings: Settings = defaults
  #configured = false
  #watching = false
  #releaseSignals: Release | undefined
  #saidReady = false
  #ending: Promise<ShutdownResult> | undefined
  #endingGroup: DrainGroup | undefined
  #restarting: Promise<RestartResult> | undefined
  #abortRestart = new AbortController()
  #stopSignals = 0
  #stopRequested = false
  #predecessorGone: Promise<void> | undefined
  #forcedStatus: number | undefined

  constructor(system: System) {
    this.#system = system
    this.#servers = new ManagedServers(system, this.#signals)
    const { inheritance, error } = inherit(system)
    this.#inheritError = error
    this.#generation = inheritance?.generation ?? 1
    this.#listeners = new Listeners(new InheritedListeners(inheritance?.listeners ?? []), {
      onListening: (listener) => this.#onListening(listener),
      onClosed: (server) => this.#onClosed(server),
      onWarning: (warning) => this.#warn(warning),
      isServed: (path) => system.isServed(path),
    })
    this.#readiness = new Readiness(system, () => this.#becomeReady())
    if (inheritance === undefined) return
    this.#watch()
    const { predecessor } = system
    if (predecessor === undefined) return
    this.#predecessorGone = new Promise((resolve) => predecessor.onDisconnect(resolve))
    predecessor.onDisconnect(new Arrivals().listen(predecessor, (address) => this.#find(address)))
  }

  /** 1 for a process that was started by hand or by a supervisor, one more for each restart. */
  get generation(): number {
    return this.#generation
  }

  get state(): State {
    return this.#state
  }

  /** Liveness and readiness, as data. */
  health(): Health {
    const serving = this.#state === 'serving' || this.#state === 'restarting'
    return { live: true, ready: serving && (!this.#settings.manualReady || this.#saidReady) }
  }

  /**
   * States options, and lets zerodrop take care of every server of this process from the first `listen()` on. Signals
   * are handled while at least one server listens. What the plugins call; safe to call many times.
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
    this.#asked = {
      ...this.#asked,
      ...withoutUndefined(options),
      signals: { ...this.#asked.signals, ...options.signals },
    }
    this.#settings = mergeOptions(defaults, this.#asked)
    this.#configured = true
    this.#watch()
    if (options.signals !== undefined) this.#dropSignals()
    this.#updateSignals()
  }

  /**
   * Takes care of one server: any `http`, `https`, `http2` or `net` server. Not needed for a server that begins to
   * listen after `configure()`; needed for one that listened before, and for options of its own.
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
    const { name = 'onSettled', onSettled, onDrainingRequest } = options
    if (onSettled !== undefined) this.#hooks.set(server, { name, hook: onSettled })
    if (onDrainingRequest !== undefined) this.#servers.setPolicy(server, onDrainingRequest)
    if (server.listening) this.#listeners.add(server)
  }

  /**
   * Says that this process can serve. Only with `manualReady`; otherwise listening says it. Calling it again does
   * nothing.
   */
  ready(): void {
    this.#saidReady = true
    if (this.#settings.manualReady) this.#readiness.onListening(0)
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
   * @returns that policy
   * @throws what `configure()` throws
   */
  adapt<Request>(
    options: LifecycleOptions & { onDrainingRequest?: DrainingPolicy<Request> },
  ): DrainingPolicy<Request> {
    if (typeof options !== 'object' || options === null) this.configure(options)
    const { onDrainingRequest = 'serve', ...processWide } = options
    this.configure(processWide)
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
    if (policy === 'serve' || !this.isDraining(request)) return undefined
    const verdict: DrainingVerdict = decide(policy, frameworkRequest)
    if (verdict === 'serve') return undefined
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
   * Resolves when every connection has ended and the hooks of the servers have run, with what was served and what had
   * to be cut. It never rejects. A second call returns the same promise; after a restart whose successor is ready it
   * is the hand-over's. A restart that is not ready yet is aborted. What other libraries hold open, such as database
   * pools, is not its matter.
   */
  shutdown(reason = 'shutdown()'): Promise<ShutdownResult> {
    this.#stopRequested = true
    return this.#ending ?? this.#end(reason, this.#settings)
  }

  /**
   * Starts the same program anew beside this process, hands it the listening sockets and the live connections, drains
   * what cannot move, and exits.
   *
   * Resolves when the successor serves and no connection is left here, just before this process exits. Calls made
   * meanwhile join the same attempt. Rejects, while this process goes on serving unchanged, with
   * `ERR_ZERODROP_SPAWN_FAILED`, `ERR_ZERODROP_SUCCESSOR_EXITED`, `ERR_ZERODROP_READY_TIMEOUT`,
   * `ERR_ZERODROP_RESTART_ABORTED`, `ERR_ZERODROP_NOT_SERVING`, `ERR_ZERODROP_NOTHING_TO_HAND_OVER`,
   * `ERR_ZERODROP_PLATFORM_UNSUPPORTED`, `ERR_ZERODROP_CLUSTER_WORKER` or `ERR_ZERODROP_WORKER_THREAD`.
   */
  restart(): Promise<RestartResult> {
    if (this.#restarting === undefined) {
      this.#restarting = this.#restart().finally(() => {
        this.#restarting = undefined
      })
      // Reported by then: a caller that does not look must not bring down a process that serves.
      this.#restarting.catch(() => {})
    }
    return this.#restarting
  }

  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#listeners.watch()
  }

  #to(state: State): void {
    this.#state = step(this.#state, state)
    this.#updateSignals()
  }

  /** Signal handlers are there from the first listening server to the last, and through a drain to the exit. */
  #updateSignals(): void {
    const wanted =
      this.#configured && this.#state !== 'starting' && this.#system.incapacity !== 'worker-thread'
    if (!wanted) {
      this.#dropSignals()
    } else {
      this.#releaseSignals ??= watchSignals(this.#system, this.#settings.signals, (action, signal) =>
        this.#onSignal(action, signal),
      )
    }
  }

  #dropSignals(): void {
    this.#releaseSignals?.()
    this.#releaseSignals = undefined
  }

  #onListening(listener: Listener): void {
    this.#servers.add(listener, () => this.#closeServer(listener.server)?.drained)
    if (this.#state === 'starting') this.#to('serving')
    if (this.#settings.manualReady && !this.#saidReady) return
    // After the turn in which the application opens its servers, so that all it opens together count.
    this.#system.setImmediate(() => this.#readiness.onListening(this.#listeners.inherited.left.length))
  }

  #onClosed(server: Server): void {
    this.#servers.delete(server)
    if (this.#servers.size === 0 && this.#state === 'serving') this.#to('starting')
  }

  #becomeReady(): void {
    if (this.#saidReady && !this.#settings.manualReady) return
    this.#saidReady = true
    this.#listeners.inherited.closeRest()
    const { predecessor } = this.#system
    if (predecessor === undefined) return
    for (const { server, bound } of this.#listeners.inheritable) {
      predecessor.send(message({ type: 'spare', listener: bound }), handleOf(server))
    }
    predecessor.send(message({ type: 'ready' }))
  }

  #find(address: string): Server | undefined {
    return this.#servers.servers.find((server) => server.listening && boundAddress(server) === address)
  }

  #onSignal(action: SignalAction, signal: NodeJS.Signals): void {
    if (action === 'shutdown') this.#onStopSignal(signal)
    else if (action === 'restart') this.#onRestartSignal()
  }

  #onStopSignal(signal: NodeJS.Signals): void {
    this.#stopSignals++
    this.#stopRequested = true
    if (this.#stopSignals === 1) {
      // A person at a terminal waits for the prompt, and is the only client.
      const instant = signal === 'SIGINT' && this.#system.interactive
      const settings = instant
        ? { ...this.#settings, lingerTimeout: 0, closeSpread: 0, drainDelay: 0 }
        : this.#settings
      void (this.#ending ?? this.#end(signal, settings)).then((result) => {
        this.#report(summarise(result))
        this.#system.exit(this.#forcedStatus ?? (result.cut.length > 0 ? 1 : 0))
      })
      return
    }
    const draining = this.#state === 'draining' || this.#state === 'handing-over'
    this.#forcedStatus = exitStatus(signal)
    if (this.#stopSignals === 2 && draining && this.#endingGroup !== undefined) this.#endingGroup.hammer()
    else this.#system.exit(this.#forcedStatus)
  }

  #onRestartSignal(): void {
    // Already on the way out: there is nothing left to restart, and the supervisor knows the new process.
    if (this.#state === 'handing-over' || this.#state === 'draining' || this.#state === 'closed') return
    // Reported by 'restart:failed' already.
    this.restart().catch(() => {})
  }

  /** Remembered before anything happens: whoever hears that a drain begins may ask for one. */
  #end(reason: string, settings: Settings): Promise<ShutdownResult> {
    let begin: (result: Promise<ShutdownResult>) => void = () => {}
    const ending = new Promise<ShutdownResult>((resolve) => {
      begin = resolve
    })
    this.#ending = ending
    begin(this.#shutdown(reason, settings))
    return ending
  }

  async #shutdown(reason: string, settings: Settings): Promise<ShutdownResult> {
    this.#abortRestart.abort()
    this.#readiness.dispose()
    this.#system.predecessor?.send(message({ type: 'stopping' }))
    this.#to('draining')
    this.#tell('drain:start', { reason })
    this.#endingGroup = this.#startDrain(this.#servers.servers, {
      settings,
      closeCode: 1001,
      migrates: () => false,
    })
    const result = await this.#finish(this.#endingGroup)
    return { reason, ...result }
  }

  async #restart(): Promise<RestartResult> {
    let successor: Successor
    // At most two generations live: this one's predecessor has to be gone first.
    if (this.#predecessorGone !== undefined) await this.#predecessorGone
    const inheritable = this.#listeners.inheritable
    try {
      checkRestart(this.#system.incapacity, this.#state, inheritable.length)
      this.#to('restarting')
      this.#abortRestart = new AbortController()
      const generation = this.#generation + 1
      this.#tell('restart:start', { generation })
      const inheritance: Inheritance = {
        version: 1,
        generation,
        listeners: inheritable.map(({ requested, bound, fd }) => ({ requested, bound, fd })),
      }
      const { readyTimeout } = this.#settings
      successor = await startSuccessor(this.#system, inheritance, {
        readyTimeout,
        abort: this.#abortRestart.signal,
      })
    } catch (error) {
      if (this.#state === 'restarting') this.#to('serving')
      this.#reportFailure(error as ZerodropError)
      throw error
    }
    const { pid, generation } = successor
    const handOver = this.#handOver(successor, inheritable)
    // What a shutdown that comes meanwhile waits for.
    this.#ending = handOver.then(
      ({ result }) => ({ reason: 'restart', ...result }),
      (error) => {
        this.#ending = undefined
        if (!this.#stopRequested) throw error
        return this.shutdown('restart')
      },
    )
    this.#ending.catch(() => {})
    const { moved, result } = await handOver
    // After those who wait for this promise have had their turn.
    this.#system.setImmediate(() => this.#system.exit(this.#forcedStatus ?? (result.cut.length > 0 ? 1 : 0)))
    return { ...result, pid, generation, listeners: inheritable.length, migrated: moved }
  }

  async #handOver(
    successor: Successor,
    inheritable: readonly Inheritable[],
  ): Promise<{ moved: number; result: DrainResult }> {
    this.#to('handing-over')
    this.#tell('restart:ready', { pid: successor.pid, generation: successor.generation })
    const leaving = inheritable.flatMap(({ server, bound }): Leaving[] => {
      const connections = this.#servers.get(server)
      return connections?.migratable === true ? [{ connections, listener: bound }] : []
    })
    const migrating = new Set<Connections>(leaving.map(({ connections }) => connections))
    const died = new Promise<'died'>((resolve) => successor.onDeath(() => resolve('died')))
    const group = this.#startDrain(
      this.#servers.servers,
      {
        settings: { ...this.#settings, drainDelay: 0 },
        closeCode: 1012,
        migrates: (connections) => migrating.has(connections),
      },
      true,
    )
    this.#endingGroup = group
    const migration = new Migration(this.#system, successor, leaving)
    migration.start(({ server }) => this.#drainOf(server)?.announce())
    // A successor that closes the channel without dying takes nothing more: what is left is drained here.
    const release = successor.onGone(() => {
      this.#system.setTimeout(() => {
        if (this.#state === 'handing-over')
          for (const { server } of migrating) this.#drainOf(server)?.announce()
      }, deathPatience)
    })
    const outcome = await Promise.race([group.drained, died])
    release()
    migration.dispose()
    if (outcome === 'died') this.#takeBack(successor, inheritable, group)
    return { moved: migration.moved, result: await this.#finish(group) }
  }

  /** The successor has died: listens again on the sockets that were kept for this, and serves as before. */
  #takeBack(successor: Successor, inheritable: readonly Inheritable[], group: DrainGroup): never {
    group.cancel()
    this.#endingGroup = undefined
    this.#servers.forgetDrains()
    for (const each of inheritable) {
      this.#groups.delete(each.server)
      this.#listeners.reopen(each, successor.takeSpare(each.bound))
    }
    this.#to('serving')
    const error = new ZerodropError(
      'ERR_ZERODROP_SUCCESSOR_EXITED',
      `The successor (generation ${successor.generation}, pid ${successor.pid}) died after it was ready. ` +
        'This process has taken over again; what the successor printed above says why.',
    )
    this.#reportFailure(error)
    throw error
  }

  /** The drain that `server.close()` begins; undefined if the server does not listen, and Node's own is right. */
  #closeServer(server: Server): DrainGroup | undefined {
    return this.#close(server, [server])
  }

  #close(server: Server, together: readonly Server[]): DrainGroup | undefined {
    const begun = this.#groups.get(server)
    if (begun !== undefined) return begun
    if (!this.#configured || !server.listening || this.#servers.get(server) === undefined) return undefined
    const { settings } = this.#manner(server)
    return this.#startDrain(together, {
      settings,
      closeCode: 1001,
      migrates: () => false,
    })
  }

  #manner(server: Server): { settings: Settings } {
    // Nobody comes back to a port that was picked at random: a test need not wait for that.
    const settings = this.#servers.isFixed(server) ? this.#settings : { ...this.#settings, lingerTimeout: 0 }
    return { settings: { ...settings, drainDelay: 0 } }
  }

  #startDrain(servers: readonly Server[], manner: DrainManner, successor = false): DrainGroup {
    const drains = new Map<Server, ServerDrain>()
    for (const server of servers) {
      const drain = this.#servers.drain(server, manner)
      if (drain !== undefined) drains.set(server, drain)
    }
    const { drainTimeout, drainDelay } = manner.settings
    const group = new DrainGroup(this.#system, drains, this.#hooks, { drainTimeout, drainDelay, successor })
    for (const server of servers) this.#groups.set(server, group)
    void group.done.then(() => {
      for (const server of servers) if (this.#groups.get(server) === group) this.#groups.delete(server)
    })
    return group
  }

  #drainOf(server: Server): ServerDrain | undefined {
    return this.#servers.drain(server, { settings: this.#settings, closeCode: 1012, migrates: () => false })
  }

  async #finish(group: DrainGroup): Promise<DrainResult> {
    const result = await group.drained
    for (const each of result.cut) this.#report(`cut at the deadline: ${name(each)}`)
    if (this.#forcedStatus === undefined) for (const error of await group.done) this.#warn(error)
    this.#to('closed')
    this.#tell('drain:complete', { milliseconds: result.milliseconds, cut: result.cut.length })
    return result
  }

  #reportFailure(error: ZerodropError): void {
    this.#tell('restart:failed', { error })
    this.#report(`restart failed: ${error.code}: ${error.message}`)
  }

  #tell<Name extends keyof LifecycleEvents>(name: Name, ...payload: LifecycleEvents[Name]): void {
    const error = this.events.tell(name, ...payload)
    if (error !== undefined) this.#report(`${error.code}: ${error.message}`)
  }

  #warn(error: ZerodropError): void {
    this.#tell('warning', { error })
    this.#report(`${error.code}: ${error.message}`)
  }

  #report(text: string): void {
    this.#system.writeError(`[zerodrop] pid ${this.#system.pid}: ${text}`)
  }
}

function inherit(system: System): { inheritance?: Inheritance; error?: ZerodropError } {
  if (system.inheritVariable === undefined) return {}
  try {
    return { inheritance: readInheritance(system.inheritVariable) }
  } catch (error) {
    return { error: error as ZerodropError }
  }
}

function withoutUndefined(options: LifecycleOptions): LifecycleOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
