import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import type { Activation } from '../src/system/activation.ts'
import type { FreeDescriptors } from '../src/system/free-descriptors.ts'
import type { GracePeriod } from '../src/system/grace-period.ts'
import type { ProgressLine } from '../src/system/progress-line.ts'
import type { Notice, ServiceManager } from '../src/system/service-manager.ts'
import type { ClusterSystem, PrimaryState, WorkersObserver } from '../src/system/cluster-system.ts'
import type {
  ComingKeeper,
  CommandLine,
  Incapacity,
  Keeper,
  ParentReader,
  PidKeeping,
  PredecessorChannel,
  Release,
  SignalHandler,
  Supervisor,
  System,
} from '../src/system/system.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/**
 * A world for the core in which time, signals and children are scripted. Turns of the event loop are real: what waits
 * for one waits for sockets, which are real as well.
 */
export class FakeSystem implements System {
  readonly pid = 4242
  readonly title = 'node'
  incapacity: Incapacity | undefined
  inheritVariable: string | undefined
  predecessor: PredecessorChannel | undefined
  keeper: Keeper | undefined
  registers = false
  /** The pids that /proc shows. */
  readonly running: Set<number> = new Set()
  comingKeeper: ComingKeeper | undefined
  readonly pidKeeping = new FakePidKeeping()
  parent: ParentReader | undefined
  activation: Activation | undefined
  supervisor: Supervisor | undefined
  serviceManager: FakeServiceManager | undefined
  grace: GracePeriod | undefined
  interactive = false
  hungUp = false
  watched = false
  listenFds = 0
  readonly cluster = new FakeCluster()
  readonly commandLine: CommandLine = {
    command: () => '/usr/bin/node',
    cwd: '/srv',
    env: {},
  }
  /** The lines written to stderr. */
  readonly errors: string[] = []
  readonly exits: number[] = []
  readonly kills: [pid: number, signal: NodeJS.Signals][] = []
  /** The signals that the kernel ignores. */
  readonly ignoredSignals: Set<NodeJS.Signals> = new Set()
  readonly spawned: {
    child: FakeChild
    descriptors: readonly number[]
    environment: Readonly<NodeJS.ProcessEnv>
  }[] = []
  /** The lines shown on the terminal, if there is one: each text, and `undefined` when the line was erased. */
  readonly progress: (string | undefined)[] = []
  terminal = false
  /** If set, the next `spawn` throws this. */
  spawnError: Error | undefined
  /** If set, the spawned child has no process. */
  spawnsNothing = false
  #now = 0
  #timers: Timer[] = []
  readonly #signals = new EventEmitter()
  readonly #exitListeners = new Set<(status: number, caller: string | undefined) => number>()

  constructor(conditions: Partial<Pick<FakeSystem, 'incapacity' | 'inheritVariable'>> = {}) {
    Object.assign(this, conditions)
  }

  gracePeriod(): Promise<GracePeriod | undefined> {
    return Promise.resolve(this.grace)
  }

  isRunning(pid: number): boolean {
    return this.running.has(pid)
  }

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, milliseconds: number): Release {
    if (milliseconds === Infinity) return () => {}
    const timer = { at: this.#now + milliseconds, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  setIdleTimeout(callback: () => void, milliseconds: number): Release {
    return this.setTimeout(callback, milliseconds)
  }

  /** The number of holds on the process. */
  held = 0

  hold(): Release {
    this.held++
    return () => this.held--
  }

  setImmediate(callback: () => void): Release {
    const immediate = setImmediate(callback)
    return () => clearImmediate(immediate)
  }

  onSignal(signal: NodeJS.Signals, listener: () => void): Release {
    this.#signals.prependListener(signal, listener)
    return () => this.#signals.off(signal, listener)
  }

  /** The signals that are held back from handlers of other code. */
  readonly heldSignals: Set<NodeJS.Signals> = new Set()

  watchSignal(signal: NodeJS.Signals, listener: () => void, holds: boolean): Release {
    const release = this.onSignal(signal, listener)
    if (holds) this.heldSignals.add(signal)
    return () => {
      this.heldSignals.delete(signal)
      release()
    }
  }

  /** Handlers of other code that have not received their signal. */
  readonly others: Map<NodeJS.Signals, SignalHandler[]> = new Map()

  unheard(signal: NodeJS.Signals): readonly SignalHandler[] {
    return this.others.get(signal) ?? []
  }

  /** The `process.exitCode` set by other code. */
  exitStatus = 0
  readonly #deferrals = new Set<(status: number) => void>()

  deferExit(_signals: readonly NodeJS.Signals[], onExit: (status: number) => void): Release {
    this.#deferrals.add(onExit)
    return () => this.#deferrals.delete(onExit)
  }

  readonly #spared = new Set<(signal: NodeJS.Signals) => void>()

  spareGroup(onSpared: (signal: NodeJS.Signals) => void): Release {
    this.#spared.add(onSpared)
    return () => this.#spared.delete(onSpared)
  }

  /** Calls `process.exit()` as other code would; returns whether zerodrop takes over the exit. */
  exitByOthers(status: number): boolean {
    for (const onExit of this.#deferrals) onExit(status)
    return this.#deferrals.size > 0
  }

  readonly #idle = new Set<(idle: boolean) => void>()

  /** The number of waits until nothing keeps the event loop alive. */
  get waitingForIdle(): number {
    return this.#idle.size
  }

  whenIdle(callback: (idle: boolean) => void, milliseconds: number): Release {
    const end = (idle: boolean): void => {
      release()
      callback(idle)
    }
    const stop = this.setTimeout(() => end(false), milliseconds)
    const onIdle = (): void => end(true)
    const release = (): void => {
      stop()
      this.#idle.delete(onIdle)
    }
    this.#idle.add(onIdle)
    return release
  }

  /** Reports that nothing keeps the event loop alive. */
  becomeIdle(): void {
    for (const callback of this.#idle) callback(true)
  }

  /** Whether the boot phase has ended. */
  booted = false
  environment: NodeJS.ProcessEnv = {}

  /** The signals survived during the boot phase. */
  survived: NodeJS.Signals[] = []

  endBoot(): readonly NodeJS.Signals[] {
    this.booted = true
    return this.survived
  }

  hasSignalListener(signal: NodeJS.Signals): boolean {
    return this.#signals.listenerCount(signal) > 0
  }

  /** The signals that a flag reserves for Node. */
  nodeSignals: string[] = []

  signalsOfNode(): readonly string[] {
    return this.nodeSignals
  }

  isSignalIgnored(signal: NodeJS.Signals): boolean {
    return this.ignoredSignals.has(signal)
  }

  kill(pid: number, signal: NodeJS.Signals): void {
    this.kills.push([pid, signal])
  }

  readonly #onOwnKill = new Set<(signal: NodeJS.Signals) => void>()

  onOwnKill(listener: (signal: NodeJS.Signals) => void): Release {
    this.#onOwnKill.add(listener)
    return () => this.#onOwnKill.delete(listener)
  }

  /** Code of this process sends a signal to the process itself. */
  killItself(signal: NodeJS.Signals): void {
    for (const listener of this.#onOwnKill) listener(signal)
    this.deliver(signal)
  }

  onExit(listener: (status: number, caller: string | undefined) => number): Release {
    this.#exitListeners.add(listener)
    return () => this.#exitListeners.delete(listener)
  }

  /** Ends the process as other code would; returns the exit status. */
  end(status: number, caller?: string): number {
    return [...this.#exitListeners].reduce((last, listener) => listener(last, caller), status)
  }

  /** The number of listeners for the end of the process. */
  get exitListeners(): number {
    return this.#exitListeners.size
  }

  exit(code: number): void {
    this.exits.push(code)
  }

  waitingAsker(): undefined {}

  /** Whether the next SIGHUP is the kernel's reaction to the predecessor's end. */
  endsSession = false

  takeHangUp(): boolean {
    const taken = this.endsSession
    this.endsSession = false
    return taken
  }

  takeListenFds(): number {
    return this.listenFds
  }

  /** How long a successor has waited for a processor. */
  waitedForProcessor: number | undefined

  processorWait(_pid: number): number | undefined {
    return this.waitedForProcessor
  }

  /** The value for this process; undefined if the kernel does not provide it. */
  descriptors: FreeDescriptors | undefined

  freeDescriptors(_enough: number): FreeDescriptors | undefined {
    return this.descriptors
  }

  isServed(_path: string): boolean {
    return false
  }

  async openProgressLine(): Promise<ProgressLine | undefined> {
    if (!this.terminal) return undefined
    return { update: (text) => this.progress.push(text), end: () => this.progress.push(undefined) }
  }

  writeError(line: string): void {
    this.errors.push(line)
  }

  spawn(listeners: readonly { fd: number }[], environment: Readonly<NodeJS.ProcessEnv>): ChildProcess {
    const descriptors = listeners.map(({ fd }) => fd)
    if (this.spawnError !== undefined) throw this.spawnError
    const child = new FakeChild()
    if (this.spawnsNothing) child.pid = undefined
    this.spawned.push({ child, descriptors, environment })
    return child as unknown as ChildProcess
  }

  /** Advances the clock, and fires every due timer in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    const due = (): Timer | undefined =>
      this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
    for (let timer = due(); timer !== undefined; timer = due()) {
      const { at, callback } = timer
      this.#timers = this.#timers.filter((other) => other !== timer)
      this.#now = Math.max(this.#now, at)
      callback()
    }
    this.#now = end
  }

  /** The number of running timers. */
  get timers(): number {
    return this.#timers.length
  }

  /** Delivers a signal; returns false if it has no handler. */
  deliver(signal: NodeJS.Signals): boolean {
    return this.#signals.emit(signal)
  }

  /** The signals that have a handler. */
  get signals(): (string | symbol)[] {
    return this.#signals.eventNames()
  }

  /** The child that was started last. */
  get child(): FakeChild {
    const last = this.spawned.at(-1)
    if (last === undefined) throw new Error('nothing was spawned')
    return last.child
  }
}

/** A cluster whose workers and primary are scripted by the test. */
export class FakeCluster implements ClusterSystem {
  readonly stopped: [id: number, signal: NodeJS.Signals][] = []
  #workers: number[] = []
  #observer: WorkersObserver | undefined
  #onPrimaryGone: () => boolean = () => false

  onWorkers(observer: WorkersObserver): Release {
    this.#observer = observer
    return () => {
      this.#observer = undefined
    }
  }

  onSharedHandle(): Release {
    return () => {}
  }

  get workers(): readonly number[] {
    return this.#workers
  }

  stopWorker(id: number, signal: NodeJS.Signals): void {
    this.stopped.push([id, signal])
  }

  /** The primary's answer; undefined for a primary without zerodrop or a blocked one. */
  primary: PrimaryState | undefined
  primaryAnswers = false
  workerId = 0

  askPrimary(listener: (state: PrimaryState) => void): Release {
    if (this.primary !== undefined) listener(this.primary)
    return () => {}
  }

  toldStopping = 0

  tellStopping(): void {
    this.toldStopping++
  }

  /** A worker asks for the state of this primary. */
  ask(): PrimaryState | undefined {
    return this.#observer?.onAsked()
  }

  onPrimaryGone(listener: () => boolean): Release {
    this.#onPrimaryGone = listener
    return () => {}
  }

  /** The application forks a worker, which listens. */
  fork(id: number): void {
    this.#workers.push(id)
    this.#observer?.onFork()
    this.#observer?.onListening(id)
  }

  /** A worker ends. */
  exit(id: number, well = true): void {
    this.#workers = this.#workers.filter((each) => each !== id)
    this.#observer?.onExit(id, well)
  }

  /** The primary disappears; returns whether the process keeps running. */
  losePrimary(): boolean {
    return this.#onPrimaryGone()
  }
}

/** Which program relies on the pid, and what prevents keeping it, as scripted by the test. */
export class FakePidKeeping implements PidKeeping {
  user: PidKeeping['user']
  why: string | undefined
  pidFile: string | undefined
  /** The main process of the systemd unit. If set, systemd has started this process through another program. */
  mainPid: number | undefined
  /** If set, the reason why the successor does not wait for its keeper. */
  notAwaited: Error | undefined
  /** The generation that is kept when this process ends. */
  kept: number | undefined

  get begun(): boolean {
    return this.kept !== undefined
  }

  obstacle(): Promise<string | undefined> {
    return Promise.resolve(this.why)
  }

  isAwaited(): Promise<void> {
    return this.notAwaited === undefined ? Promise.resolve() : Promise.reject(this.notAwaited)
  }

  begin(generation: number): Release {
    this.kept = generation
    return () => {
      this.kept = undefined
    }
  }

  unitPidFile(): Promise<string | undefined> {
    return Promise.resolve(this.pidFile)
  }

  get mayBeMain(): boolean {
    return this.mainPid !== undefined
  }

  unitMainPid(): Promise<number | undefined> {
    return Promise.resolve(this.mainPid)
  }
}

/** A successor scripted by the test. */
export class FakeChild extends EventEmitter {
  pid: number | undefined = 5151
  connected = true
  exitCode: number | null = null
  signalCode: NodeJS.Signals | null = null
  readonly kills: (NodeJS.Signals | undefined)[] = []
  readonly sent: unknown[] = []

  unref(): void {}

  kill(signal?: NodeJS.Signals): boolean {
    this.kills.push(signal)
    return true
  }

  send(body: unknown, _handle: unknown, _options: object, callback: (error: Error | null) => void): boolean {
    this.sent.push(body)
    callback(this.connected ? null : new Error('channel closed'))
    return this.connected
  }

  /** Sends a message of the successor. */
  says(body: unknown): void {
    this.emit('message', body)
  }

  exits(code: number | null, signal: NodeJS.Signals | null = null): void {
    this.exitCode = code
    this.signalCode = signal
    this.emit('exit', code, signal)
    // Its earlier messages are delivered first.
    this.connected = false
    this.emit('disconnect')
  }
}

/** The notices that a service sends to systemd. */
export class FakeServiceManager implements ServiceManager {
  readonly variables: Record<string, string> = {}
  watchdog: number | undefined
  readonly notices: Notice[] = []
  /** Reports that a notice could not be sent. */
  fail: (reason: string) => void = () => {}

  tell(notice: Notice): void {
    this.notices.push(notice)
  }

  told(): Promise<void> {
    return Promise.resolve()
  }

  onFailed(listener: (reason: string) => void): void {
    this.fail = listener
  }

  monotonic(): string {
    return '1000'
  }
}
