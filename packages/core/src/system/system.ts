import type { ChildProcess } from 'node:child_process'
import type { Activation } from './activation.ts'
import type { GracePeriod } from './grace-period.ts'
import type { ListeningHandle } from './node-internals.ts'
import type { PidUser } from './pid-user.ts'
import type { ProgressLine } from './progress-line.ts'
import type { ServiceManager } from './service-manager.ts'

/** Undoes what the call that returned it did. Calling it again does nothing. */
export type Release = () => void

/** The process that started this one by a restart, reached over its IPC channel. */
export interface PredecessorChannel {
  /** @param handle a native handle whose descriptor goes along */
  send(message: object, handle?: unknown): void
  onMessage(listener: (message: unknown, handle: unknown) => void): Release
  /** Called once, when the predecessor has closed the channel or has died; soon, if that has happened already. */
  onDisconnect(listener: () => void): Release
  disconnect(): void
}

/** Who reads what the parent of a forked program says: one generation at a time. */
export interface ParentReader {
  /**
   * Begins to read, or goes on with it.
   * @param rest what another generation has read of a message that had not come whole
   */
  read(rest?: string): void
  /** @returns what was read of a message that has not come whole, in base64 */
  stopReading(): string
}

/** How this process was started: what a successor is started with again. */
export interface CommandLine {
  /** Looked up again at each restart, so that a replaced node binary is found. */
  readonly command: () => string
  /** The logical directory: through a `current` symlink it leads to the new release once that was moved. */
  readonly cwd: string
  /** The environment at the start, without what has changed in it since. */
  readonly env: Readonly<NodeJS.ProcessEnv>
}

/** Why this process cannot hand its listening sockets to a successor, or must not. */
export type Incapacity = 'platform' | 'cluster-worker' | 'worker-thread' | 'pm2' | 'watcher' | 'nodemon'

/** What pm2 and its like agree on with a process, over the channel they have started it with. */
export interface Supervisor {
  /** Says that the process serves. */
  ready(): void
  /** Called when the process is to stop. */
  onShutdown(listener: () => void): Release
}

/** A function that somebody else has put on a signal with `process.on()`. */
export interface SignalHandler {
  /** Its name, or where it has none the beginning of its source. */
  readonly name: string
  /** Whether it has looked, when it was called, who else listens. */
  readonly looked: boolean
  /** Calls it as Node would. */
  call(): unknown
}

/** A listening or UDP socket of this process, for the keeper. */
export interface KeptSocket {
  readonly bound: string
  readonly requested: string
  /** The native handle; undefined where there is none, as in a server that is closing. */
  readonly handle: object | undefined
}

/** The process that holds the pid which everybody knows, where one does: generations come and go below it. */
export interface Keeper {
  readonly pid: number
  /** Which generation this process is, as far as the keeper knows: it counts those that crashed. */
  readonly generation: number
  /** Sockets that a generation left which crashed, as descriptors of this process. */
  readonly listeners: readonly {
    readonly bound: string
    readonly requested: string
    readonly fd: number
  }[]
  /** Says which sockets this process listens on: the keeper has a descriptor of each, and closes those of others. */
  keep(sockets: readonly KeptSocket[]): void
  /** Notes that the keeper has these already: this process was given them. */
  inherits(addresses: readonly string[]): void
  /**
   * Resolves when the keeper holds the socket of this address open no longer. Where two processes have a listening socket,
   * the one that closes it last resets what is queued.
   */
  letGo(bound: string): Promise<void>
  /** Says that this process serves from now on. */
  takeCharge(generation: number): void
  /** Calls back once the keeper is gone. At once, in a microtask, if it is gone already. */
  onGone(listener: () => void): Release
  /** Calls back when somebody asks through the keeper. What the listener resolves to, or rejects with, is the answer. */
  onAsk(listener: (what: 'restart' | 'stop' | 'status') => Promise<unknown>): Release
}

/** Somebody in another process who has sent this one a signal to restart, and waits for the outcome. */
export interface Asker {
  succeeded(result: unknown): void
  failed(error: unknown): void
}

/** A keeper that is to come: the predecessor of this process becomes one when it has drained. */
export interface ComingKeeper {
  readonly pid: number
  /** Resolves with the keeper, or with undefined if the predecessor has died instead. */
  readonly arrived: Promise<Keeper | undefined>
}

/** How this process can keep its pid through a restart, where somebody relies on it: it becomes the keeper of its successor. */
export interface PidKeeping {
  /** Who relies on the pid of this process now; undefined if nobody does, as far as can be seen. */
  readonly user: PidUser | undefined
  /** Why this process cannot, in words that follow "because"; undefined if it can. Never rejects. */
  obstacle(): Promise<string | undefined>
  /** Rejects if the successor that was started last does not wait for its keeper. */
  isAwaited(): Promise<void>
  /**
   * Makes whatever ends this process replace its program by the keeper's instead.
   * @param generation of the successor that was started last, which is kept
   */
  begin(generation: number): Release
  /** Whether that is so. */
  readonly begun: boolean
  /** The `PIDFile=` of systemd's unit; undefined if there is none, or if systemd does not tell. Never rejects. */
  unitPidFile(): Promise<string | undefined>
}

/** The signals of this process. */
export interface SignalSystem {
  readonly pid: number
  /** Calls back before the listeners that are there already. The process's default action is back with the last listener's release. */
  onSignal(signal: NodeJS.Signals, listener: () => void): Release
  /**
   * The same, and sees which handlers of others learn of the signal: see `SignalGates`.
   * @param holds whether they are kept from hearing of it
   */
  watchSignal(signal: NodeJS.Signals, listener: () => void, holds: boolean): Release
  /** The handlers of others that have not been called since the signal was first watched. */
  unheard(signal: NodeJS.Signals): readonly SignalHandler[]
  /** Whether anybody in this process listens to the signal. */
  hasSignalListener(signal: NodeJS.Signals): boolean
  /** The signals at which Node itself does something, because a flag or the program says so. */
  signalsOfNode(): readonly string[]
  /** Whether the kernel does not deliver the signal, as far as it tells. */
  isSignalIgnored(signal: NodeJS.Signals): boolean
  kill(pid: number, signal: NodeJS.Signals): void
  /** Calls back when code in this process sends this process a signal. */
  onOwnKill(listener: (signal: NodeJS.Signals) => void): Release
  /** Calls back in the check phase of the event loop: after everything that the current poll had to deliver. */
  setImmediate(callback: () => void): Release
}

/** What a primary of node:cluster does with new connections; `closed` when it has handed over the last. */
export type PrimaryState = 'serving' | 'stopping' | 'closed'

/** Hears of the workers that a primary of node:cluster has. */
export interface WorkersObserver {
  /** A worker asks what its primary does. */
  onAsked(): PrimaryState
  onFork(): void
  /** A worker listens, and so the cluster serves. */
  onListening(id: number): void
  /** @param well whether it ended as it should: with status 0, or by the signal that it was sent */
  onExit(id: number, well: boolean): void
}

/** node:cluster. */
export interface ClusterSystem {
  /** Begins to follow the workers. `onFork` is called for those that there are. */
  onWorkers(observer: WorkersObserver): Release
  /** Calls back when the primary has bound a socket that the workers accept on themselves. */
  onSharedHandle(listener: (handle: ListeningHandle) => void): Release
  /** The ids of those that live. */
  readonly workers: readonly number[]
  /** Sends a worker a signal, unless it has said that it stops; `isForced` sends it all the same. */
  stopWorker(id: number, signal: NodeJS.Signals, isForced?: boolean): void
  /** In a worker, tells its primary that it stops, so that it is not sent the signal that it has had. */
  tellStopping(): void
  /** The number of this worker; 0 in a process that is none. */
  readonly workerId: number
  /** In a worker, whether its primary has ever answered `askPrimary()`, as one with zerodrop does. */
  readonly primaryAnswers: boolean
  /**
   * In a worker, asks its primary what it does. The answer comes behind every connection that the primary had handed to
   * this worker before; it does not come from a primary without zerodrop.
   */
  askPrimary(listener: (state: PrimaryState) => void): Release
  /** In a worker, calls back when its primary is gone. Node ends the process then, unless the listener returns true. */
  onPrimaryGone(listener: () => boolean): Release
}

/** Everything the core uses of the world outside: tests replace it to script time, signals and children. */
export interface System extends SignalSystem {
  readonly incapacity: Incapacity | undefined
  readonly cluster: ClusterSystem
  readonly commandLine: CommandLine
  /** The value of `ZERODROP_INHERIT` as this process was started with it. It is no longer in the environment. */
  readonly inheritVariable: string | undefined
  readonly predecessor: PredecessorChannel | undefined
  /** Undefined where this process is what everybody knows. */
  readonly keeper: Keeper | undefined
  /** Undefined where none is to come. */
  readonly comingKeeper: ComingKeeper | undefined
  readonly pidKeeping: PidKeeping
  /** Looks whether somebody waits for the outcome of a restart that has just been asked for by a signal. */
  waitingAsker(): Asker | undefined
  /** The channel to the process that forked this one; undefined for a program that was started without one. */
  readonly parent: ParentReader | undefined
  /** The title of the process, by which a framework may tell that it runs. */
  readonly title: string
  /** The environment as it is now. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  /**
   * Ends what a preload did for the time in which the application starts. Calling it again does nothing.
   * @returns the signals that this process has survived by it
   */
  endBoot(): readonly NodeJS.Signals[]
  /** The sockets that a service manager has opened for this process, unless `takeListenFds()` has taken them. */
  readonly activation: Activation | undefined
  /**
   * How many listening sockets `LISTEN_FDS` says that this process was given, for nobody in particular (`LISTEN_PID` is
   * not set). The variable is taken from the environment by that, and from the one that a successor is started with. 0
   * without it, and in a successor, whose environment loses it too.
   */
  takeListenFds(): number
  /** True where a person at a terminal started the process and waits for the prompt to come back. */
  readonly interactive: boolean
  /**
   * Whether a SIGHUP that has just come is the kernel's word that the predecessor has ended, which led the session of the
   * terminal. True once.
   */
  takeHangUp(): boolean
  /** True once a terminal that this process was started on has been closed. */
  readonly hungUp: boolean
  /** True where a file watcher started the process, and waits for its end to start it again. */
  readonly watched: boolean
  /** Who started this process and wants to be told; not a predecessor. */
  readonly supervisor: Supervisor | undefined
  /** How long the platform waits for this process at a stop; resolves with undefined where that is not known. */
  gracePeriod(): Promise<GracePeriod | undefined>
  /** systemd, where this process is a service that notifies it. */
  readonly serviceManager: ServiceManager | undefined
  /** Monotonic milliseconds. */
  now(): number
  setTimeout(callback: () => void, milliseconds: number): Release
  /** The same, but does not keep the process from ending by itself. */
  setIdleTimeout(callback: () => void, milliseconds: number): Release
  /** Keeps the process from ending by itself, as one does that has nothing left to wait for. */
  hold(): Release
  /** The exit status that other code has set, for when the process ends by itself: `process.exitCode`. */
  readonly exitStatus: number
  exit(code: number): void
  /**
   * Calls back when the process ends, whoever ends it, unless a signal does. What the listener returns becomes the exit
   * status.
   * @param listener called with the exit status, and where `process.exit()` was called if it was
   */
  onExit(listener: (status: number, caller: string | undefined) => number): Release
  /**
   * Keeps other code from ending the process: `process.exit()`, and `process.kill()` with one of these signals and this
   * process, call back instead. `exit()` of this interface ends the process nonetheless.
   * @param onExit called with the exit status that was asked for; 0 for a signal
   * @param onCopy called when other code has ended it all the same, by a copy of `process.exit`, with where it did
   */
  deferExit(
    signals: readonly NodeJS.Signals[],
    onExit: (status: number) => void,
    onCopy: (caller: string) => void,
  ): Release
  /**
   * Calls back once, when nothing is left that keeps the event loop alive, or after this time. What is zerodrop's own has to be
   * released, or unreferenced, by then.
   * @param callback called with whether nothing is left
   */
  whenIdle(callback: (idle: boolean) => void, milliseconds: number): Release
  writeError(line: string): void
  /** See `openProgressLine`: resolves with undefined where there is none. Never rejects. */
  openProgressLine(): Promise<ProgressLine | undefined>
  /** How long a process has waited for a processor, in milliseconds; undefined if that cannot be told. */
  processorWait(pid: number): number | undefined
  /** Whether a server answers on a Unix socket's path. Waits for the answer. */
  isServed(path: string): boolean
  /**
   * Starts a copy of this process. The descriptors of `listeners` become its descriptors 3, 4, …; a channel follows them.
   * A keeper is asked to do it, where there is one.
   * @param isKept whether it is told to wait for this process as its keeper
   * @throws what `child_process.spawn` throws; with a keeper the promise rejects with what the keeper said
   */
  spawn(
    listeners: readonly { readonly fd: number; readonly bound: string }[],
    environment: Readonly<NodeJS.ProcessEnv>,
    isKept?: boolean,
  ): ChildProcess | Promise<ChildProcess>
}
