import { Server } from 'node:net'
import { Connections } from '../connections/connections.ts'
import { Drain, type DrainOptions, type DrainResult } from '../drain/drain.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { Events } from '../events/events.ts'
import { Arrivals } from '../handover/arrivals.ts'
import { type Leaving, Migration } from '../handover/migration.ts'
import { message } from '../handover/protocol.ts'
import { startSuccessor, type Successor } from '../handover/successor.ts'
import type { Health } from '../health/health.ts'
import { boundAddress } from '../listeners/address.ts'
import { type Inheritance, InheritedListeners, readInheritance } from '../listeners/inheritance.ts'
import { type Listener, Listeners } from '../listeners/listeners.ts'
import { exitStatus, type SignalAction, watchSignals } from '../signals/signal-actions.ts'
import type { Release, System } from '../system/system.ts'
import { ServerHooks, type ShutdownHook } from './hooks.ts'
import {
  checkConflict,
  checkOptions,
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

export interface AttachOptions {
  /** Called when all connections have ended, before the process exits. Has `hookTimeout` (5 s) to finish. */
  readonly onDrained?: ShutdownHook
  /** How the hook is called in a report. */
  readonly name?: string
}

const hookTimeout = 5000

/** The life of this process: there is one for each process, shared by every copy of the package in it. */
export class Lifecycle {
  readonly events: Events = new Events()
  readonly #system: System
  readonly #listeners: Listeners
  readonly #connections = new Map<Server, Connections>()
  readonly #hooks = new ServerHooks()
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
  #drain: Drain | undefined
  #ending: Promise<ShutdownResult> | undefined
  #restarting: Promise<RestartResult> | undefined
  #abortRestart = new AbortController()
  #stopSignals = 0

  constructor(system: System) {
    this.#system = system
    const { inheritance, error } = inherit(system)
    this.#inheritError = error
    this.#generation = inheritance?.generation ?? 1
    this.#listeners = new Listeners(new InheritedListeners(inheritance?.listeners ?? []), {
      onListening: (listener) => this.#onListening(listener),
      onClosed: (server) => this.#onClosed(server),
      onWarning: (warning) => this.#warn(warning),
    })
    this.#readiness = new Readiness(system, () => this.#becomeReady())
    if (inheritance === undefined) return
    this.#watch()
    const { predecessor } = system
    if (predecessor !== undefined) {
      const arrivals = new Arrivals()
      const release = arrivals.listen(predecessor, (address) => this.#find(address))
      predecessor.onDisconnect(release)
    }
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
   *   something else while a server of it listens or may yet; `ERR_ZERODROP_INHERIT_INVALID` and
   *   `ERR_ZERODROP_INHERIT_MISMATCH` if this process was started with a variable `ZERODROP_INHERIT` that is wrong.
   */
  configure(options: LifecycleOptions = {}): void {
    if (this.#inheritError !== undefined) throw this.#inheritError
    checkOptions(options)
    checkConflict(this.#asked, options)
    this.#asked = { ...this.#asked, ...withoutUndefined(options), ...mergedSignals(this.#asked, options) }
    this.#settings = mergeOptions(defaults, this.#asked)
    this.#configured = true
    this.#watch()
    this.#updateSignals()
  }

  /**
   * Takes care of one server: any `http`, `https`, `http2` or `net` server. Not needed for a server that begins to
   * listen after `configure()`; needed for one that listened before, and to be told when it has drained.
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
    if (options.onDrained !== undefined)
      this.#hooks.set(server, options.name ?? 'onDrained', options.onDrained)
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

  /**
   * Stops serving: no new connections; what is in flight finishes; idle connections linger, in case a request is on
   * its way; at `drainTimeout` the rest is cut. Does not exit: Node does by itself when nothing else is open.
   *
   * Resolves when every connection has ended, with what had to be cut. It never rejects. A second call returns the same promise; after a
   * restart whose successor is ready it is the hand-over's. A restart that is not ready yet is aborted. What other libraries hold open, such as database pools, is not its matter.
   */
  shutdown(reason = 'shutdown()'): Promise<ShutdownResult> {
    this.#ending ??= this.#shutdown(reason, this.#settings)
    return this.#ending
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
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined
    })
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
      this.#releaseSignals?.()
      this.#releaseSignals = undefined
    } else {
      this.#releaseSignals ??= watchSignals(this.#system, this.#settings.signals, (action, signal) =>
        this.#onSignal(action, signal),
      )
    }
  }

  #onListening({ server }: Listener): void {
    if (!this.#connections.has(server)) this.#connections.set(server, new Connections(server))
    if (this.#state === 'starting') this.#to('serving')
    if (this.#settings.manualReady && !this.#saidReady) return
    // After the turn in which the application opens its servers, so that all it opens together count.
    this.#system.setImmediate(() => this.#readiness.onListening(this.#listeners.inherited.left.length))
  }

  #onClosed(server: Server): void {
    this.#connections.delete(server)
    if (this.#connections.size === 0 && this.#state === 'serving') this.#to('starting')
  }

  #becomeReady(): void {
    if (this.#saidReady && !this.#settings.manualReady) return
    this.#saidReady = true
    this.#listeners.inherited.closeRest()
    this.#system.predecessor?.send(message({ type: 'ready' }))
  }

  #find(address: string): Server | undefined {
    return [...this.#connections.keys()].find(
      (server) => server.listening && boundAddress(server) === address,
    )
  }

  #onSignal(action: SignalAction, signal: NodeJS.Signals): void {
    if (action === 'shutdown') this.#onStopSignal(signal)
    else if (action === 'restart') this.#onRestartSignal()
  }

  #onStopSignal(signal: NodeJS.Signals): void {
    this.#stopSignals++
    if (this.#stopSignals > 1) {
      this.#system.exit(exitStatus(signal))
      return
    }
    // A person at a terminal waits for the prompt, and is the only client.
    const instant = signal === 'SIGINT' && this.#system.interactive
    this.#ending ??= this.#shutdown(
      signal,
      instant ? { ...this.#settings, lingerTimeout: 0 } : this.#settings,
    )
    void this.#ending.then(({ cut }) => this.#system.exit(cut.length > 0 ? 1 : 0))
  }

  #onRestartSignal(): void {
    // Already on the way out: there is nothing left to restart, and the supervisor knows the new process.
    if (this.#state === 'handing-over' || this.#state === 'draining' || this.#state === 'closed') return
    // Reported by 'restart:failed' already.
    this.restart().catch(() => {})
  }

  async #shutdown(reason: string, options: DrainOptions): Promise<ShutdownResult> {
    this.#abortRestart.abort()
    this.#readiness.dispose()
    this.#to('draining')
    this.events.emit('drain:start', { reason })
    const servers = [...this.#connections.keys()]
    const drain = this.#startDrain(options)
    const result = await drain.run(false, () => false)
    await this.#finish(servers, result)
    return { reason, ...result }
  }

  async #restart(): Promise<RestartResult> {
    let successor: Successor
    const inheritable = this.#listeners.inheritable
    try {
      this.#checkRestart(inheritable.length)
      this.#to('restarting')
      this.#abortRestart = new AbortController()
      const generation = this.#generation + 1
      this.events.emit('restart:start', { generation })
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
    const listeners = inheritable.map(({ server, bound }) => ({ server, bound }))
    let migrated = 0
    this.#ending ??= this.#handOver(successor, listeners).then(({ moved, result }) => {
      migrated = moved
      return { reason: 'restart', ...result }
    })
    const result = await this.#ending
    // After those who wait for this promise have had their turn.
    this.#system.setImmediate(() => this.#system.exit(result.cut.length > 0 ? 1 : 0))
    return {
      pid,
      generation,
      listeners: inheritable.length,
      migrated,
      milliseconds: result.milliseconds,
      cut: result.cut,
    }
  }

  #checkRestart(inheritable: number): void {
    switch (this.#system.incapacity) {
      case 'platform':
        throw new ZerodropError(
          'ERR_ZERODROP_PLATFORM_UNSUPPORTED',
          'This platform cannot hand a listening socket to another process. Stop and start the process instead; SIGINT and SIGTERM drain it.',
        )
      case 'cluster-worker':
        throw new ZerodropError(
          'ERR_ZERODROP_CLUSTER_WORKER',
          'A cluster worker has no listening socket to hand on: the primary holds it. Restart the primary, or fork a new worker and disconnect this one.',
        )
      case 'worker-thread':
        throw new ZerodropError(
          'ERR_ZERODROP_WORKER_THREAD',
          'A worker thread cannot restart the process. Call restart() in the main thread.',
        )
      default:
    }
    if (this.#state !== 'serving') {
      throw new ZerodropError(
        'ERR_ZERODROP_NOT_SERVING',
        `This process cannot restart: it is "${this.#state}". Call restart() once a server listens, and not after shutdown().`,
      )
    }
    if (inheritable === 0) {
      throw new ZerodropError(
        'ERR_ZERODROP_NOTHING_TO_HAND_OVER',
        'No server of this process listens on a fixed address, so nobody would find a successor. Listen on a port other than 0.',
      )
    }
  }

  async #handOver(
    successor: Successor,
    listeners: readonly { server: Server; bound: string }[],
  ): Promise<{ moved: number; result: DrainResult }> {
    this.#to('handing-over')
    this.events.emit('restart:ready', { pid: successor.pid, generation: successor.generation })
    const leaving = listeners.flatMap(({ server, bound }): Leaving[] => {
      const connections = this.#connections.get(server)
      return connections?.migratable === true ? [{ connections, listener: bound }] : []
    })
    const migrating = new Set(leaving.map(({ connections }) => connections))
    const servers = [...this.#connections.keys()]
    const drain = this.#startDrain(this.#settings)
    const migration = new Migration(this.#system, successor, leaving)
    const drained = drain.run(true, (connections) => migrating.has(connections))
    migration.start((connections) => drain.closeInstead(connections))
    const result = await drained
    migration.dispose()
    await this.#finish(servers, result)
    return { moved: migration.moved, result }
  }

  #startDrain(options: DrainOptions): Drain {
    this.#drain = new Drain(this.#system, [...this.#connections.values()], options)
    return this.#drain
  }

  async #finish(servers: readonly Server[], result: DrainResult): Promise<void> {
    for (const error of await this.#hooks.run(this.#system, servers, hookTimeout)) this.#warn(error)
    this.#to('closed')
    this.events.emit('drain:complete', { milliseconds: result.milliseconds, cut: result.cut.length })
    for (const { state, method, url, remoteAddress, remotePort } of result.cut) {
      const what = method === undefined ? 'a connection' : `${method} ${url}`
      this.#report(`cut at the deadline: ${what} from ${remoteAddress}:${remotePort} (${state})`)
    }
  }

  #reportFailure(error: ZerodropError): void {
    this.events.emit('restart:failed', { error })
    this.#report(`restart failed: ${error.code}: ${error.message}`)
  }

  #warn(error: ZerodropError): void {
    this.events.emit('warning', { error })
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

function mergedSignals(
  { signals: earlier }: LifecycleOptions,
  { signals: later }: LifecycleOptions,
): LifecycleOptions {
  return earlier === undefined && later === undefined ? {} : { signals: { ...earlier, ...later } }
}
