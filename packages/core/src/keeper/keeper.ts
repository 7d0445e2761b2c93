import type { KeptProgram } from '../system/found-program.ts'
import { type FromKeeper, fromWire, toWire, type ToKeeper } from '../system/keeper-protocol.ts'
import type { Child, KeeperSystem } from '../system/keeper-system.ts'
import { type Handle, HeldSockets } from './held-sockets.ts'
import { Launcher, type LaunchOptions } from './launcher.ts'
import { type Exit, Recovery, type RecoveryOptions } from './recovery.ts'
import { notServing, Requests } from './requests.ts'
import type { Reply } from './revival.ts'
import { passedOn, stops } from './signals.ts'

export type KeeperOptions = RecoveryOptions & LaunchOptions

/**
 * Holds the pid that other programs rely on, and a descriptor of every listening socket, while generations
 * of the application run as its children. It starts them, passes signals on to the serving generation, and
 * exits with the status of the last one. Two generations talk over a separate stream, which the keeper never
 * reads.
 */
export class Keeper {
  readonly #system: KeeperSystem
  readonly #respawn: boolean
  readonly #sockets = new HeldSockets()
  readonly #requests = new Requests()
  readonly #launcher: Launcher
  readonly #recovery: Recovery
  readonly #generations = new Map<number, Child>()
  /** The number of the serving generation, or of the last one that served. */
  #generation = 1
  #serving: Child | undefined
  /**
   * The generation that served last, even if it has ended; undefined while one starts without a predecessor.
   */
  #last: Child | undefined
  /** How that generation has ended. */
  #ended: Exit | undefined
  #stopping = false
  /** The generation that got a signal to stop last, and the signal. */
  #told: { readonly generation: Child; readonly signal: NodeJS.Signals } | undefined
  /** Signals that arrived while no generation served, each once. */
  readonly #waiting = new Set<NodeJS.Signals>()

  /** @param program the program to start first; undefined if a generation is adopted */
  constructor(system: KeeperSystem, program: KeptProgram | undefined, options: KeeperOptions) {
    this.#system = system
    this.#respawn = options.respawn
    this.#launcher = new Launcher(system, this.#sockets, options)
    if (program !== undefined) this.#launcher.remember(program)
    this.#recovery = new Recovery(system, options.maxCrashes, {
      start: () => this.#start(),
      ask: (what) => this.ask(what),
      isStopping: () => this.#stopping,
    })
  }

  /**
   * Starts the first generation.
   *
   * Rejects with `ERR_ZERODROP_SPAWN_FAILED` if it cannot be started.
   */
  async run(): Promise<void> {
    this.#watchSignals()
    await this.#start()
  }

  /** Adopts a generation that is running and serving. */
  adopt(child: Child, generation: number): void {
    this.#watchSignals()
    this.#serving = child
    this.#last = child
    this.#generation = generation
    this.#add(child)
  }

  /** The pid of the serving generation; undefined while there is none. */
  get serving(): number | undefined {
    return this.#serving?.pid
  }

  /**
   * Sends a request to the serving generation, and resolves with its answer.
   *
   * While a crashed application waits for its next start, `restart` starts it at once, and resolves when it
   * is ready or has crashed again; `status` resolves with what the keeper knows.
   *
   * Rejects with `ERR_ZERODROP_NOT_SERVING` if there is none, or if it ends without an answer.
   * @param abort the program that asks no longer waits
   */
  ask(what: (FromKeeper & { type: 'ask' })['what'], abort?: AbortSignal): Promise<Reply> {
    const generation = this.#serving
    if (generation === undefined) return this.#recovery.ask(what, abort) ?? Promise.reject(notServing())
    // A stop that cuts requests ends with status 1, which is no crash.
    if (what === 'stop') this.#stopping = true
    return this.#requests.send(generation, what)
  }

  #watchSignals(): void {
    for (const signal of stops) this.#system.onSignal(signal, () => this.#stop(signal))
    for (const signal of passedOn(this.#system)) this.#system.onSignal(signal, () => this.#passOn(signal))
  }

  /** Starts a generation without a predecessor. */
  async #start(): Promise<void> {
    if (!this.#launcher.hasProgram) return
    this.#last = undefined
    const generation = this.#ended === undefined ? 1 : this.#generation + 1
    this.#add(await this.#launcher.launch(generation, this.#recovery.isAwaited))
  }

  #add(child: Child): void {
    this.#generations.set(child.pid, child)
    child.onMessage((value, handle) => {
      const message = fromWire(value) as ToKeeper | undefined
      if (message !== undefined) this.#onMessage(child, message, handle as Handle | undefined)
    })
    child.onEnd((code, signal) => this.#onEnd(child, code, signal))
  }

  #onMessage(from: Child, message: ToKeeper, handle: Handle | undefined): void {
    if (message.type === 'charge') this.#charge(from, message.generation)
    else if (message.type === 'start') void this.#startSuccessor(from, message)
    else if (message.type === 'kill') this.#generations.get(message.pid)?.kill(message.signal)
    else if (message.type === 'answer') this.#requests.answered(message)
    else if (message.type === 'keep') this.#keep(message, handle)
    else if (message.type === 'stderr') this.#recovery.printed(message.text)
    else if (message.type === 'parent') this.#system.takeParent(handle, message.serialization)
    else if (message.type === 'parent-closed' && this.#serving === from) this.#system.closeParent()
    else if (message.type === 'drop') {
      if (this.#mayDrop(from)) this.#sockets.drop(message.bound)
      from.send(toWire({ type: 'dropped', bound: message.bound }))
    }
  }

  /** A generation that has handed over closes its sockets; its successor has them. */
  #mayDrop(from: Child): boolean {
    return this.#serving === undefined || this.#serving === from
  }

  /** @param handle undefined if this process has no room for its descriptor */
  #keep(message: ToKeeper & { type: 'keep' }, handle: Handle | undefined): void {
    if (handle !== undefined) return this.#sockets.keep(message, handle)
    this.#system.writeError(
      `zerodrop: this keeper has too many open files (EMFILE) to hold the socket of ${message.bound}: the application serves on, but cannot restart. Raise the limit (ulimit -n, or LimitNOFILE= of the unit), and start the service again`,
    )
  }

  #charge(from: Child, generation: number): void {
    this.#serving = from
    this.#last = from
    this.#generation = generation
    for (const signal of this.#waiting) from.kill(signal)
    this.#waiting.clear()
    this.#recovery.succeeded(from.pid)
    // The garbage of this process's own start. After a restart, the old generation's end collects it.
    if (this.#generations.size === 1) this.#system.collectGarbage()
  }

  async #startSuccessor(from: Child, message: ToKeeper & { type: 'start' }): Promise<void> {
    const { id } = message
    try {
      const child = await this.#launcher.launchSuccessor(message, this.#generation + 1)
      this.#add(child)
      // The newest deployed program starts after a crash.
      this.#launcher.remember(message)
      const { stream } = child
      from.send(toWire({ type: 'started', id, pid: child.pid }), stream?.handle, () => stream?.close())
    } catch (error) {
      from.send(toWire({ type: 'not-started', id, message: (error as Error).message }))
    }
  }

  #onEnd(child: Child, code: number | null, signal: NodeJS.Signals | null): void {
    this.#generations.delete(child.pid)
    this.#requests.ended(child)
    for (const other of this.#generations.values())
      other.send(toWire({ type: 'ended', pid: child.pid, code, signal }))
    // The application does not handle this signal, such as SIGQUIT: the other generation would serve on.
    if (signal !== null && this.#told?.generation === child && this.#told.signal === signal)
      for (const other of this.#generations.values()) other.kill(signal)
    if (this.#last === child || this.#last === undefined) this.#ended = { code, signal }
    if (this.#serving === child) this.#serving = undefined
    if (this.#generations.size > 0) return this.#system.collectGarbage()
    const ended = this.#ended ?? { code, signal }
    this.#ended = ended
    if (this.#respawn && ended.code !== 0 && !this.#stopping) this.#recovery.failed(ended)
    else this.#system.endAs(ended.code, ended.signal)
  }

  #stop(signal: NodeJS.Signals): void {
    this.#stopping = true
    this.#waiting.clear()
    if (this.#serving !== undefined) {
      this.#told = { generation: this.#serving, signal }
      this.#serving.kill(signal)
    } else if (this.#generations.size > 0) for (const each of this.#generations.values()) each.kill(signal)
    else this.#system.endAs(null, signal)
  }

  #passOn(signal: NodeJS.Signals): void {
    if (this.#serving !== undefined) return this.#serving.kill(signal)
    // The application decides what it means.
    this.#waiting.add(signal)
    if (signal === 'SIGHUP') this.#recovery.startNow()
  }
}
