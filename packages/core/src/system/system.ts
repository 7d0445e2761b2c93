import type { ChildProcess } from 'node:child_process'
import type { Activation } from './activation.ts'
import type { ClusterSystem } from './cluster-system.ts'
import type { FreeDescriptors } from './free-descriptors.ts'
import type { GracePeriod } from './grace-period.ts'
import type { PidUser } from './pid-user.ts'
import type { ProgressLine } from './progress-line.ts'
import type { ServiceManager } from './service-manager.ts'

/** Undoes the call that returned it. Calling it again does nothing. */
export type Release = () => void

/** The process that started this one by a restart, reached over its IPC channel. */
export interface PredecessorChannel {
  /** @param handle a native handle whose descriptor is sent too */
  send(message: object, handle?: unknown): void
  onMessage(listener: (message: unknown, handle: unknown) => void): Release
  /** Called once, when the predecessor has closed the channel or has died; soon, if that has happened already. */
  onDisconnect(listener: () => void): Release
  disconnect(): void
}

/** Controls which generation reads the messages of a forked program's parent: one at a time. */
export interface ParentReader {
  /**
   * Begins to read, or continues.
   * @param rest the part of an incomplete message that another generation has read
   */
  read(rest?: string): void
  /** @returns the part of an incomplete message that was read, in base64 */
  stopReading(): string
}

/** How this process was started, and how a successor is started again. */
export interface CommandLine {
  /** Resolved again at each restart, so that a replaced node binary is found. */
  readonly command: () => string
  /**
   * The logical directory: through a `current` symlink it leads to the new release once the symlink has
   * moved.
   */
  readonly cwd: string
  /** The environment at the start, without later changes. */
  readonly env: Readonly<NodeJS.ProcessEnv>
}

/** Why this process cannot or must not hand its listening sockets over to a successor. */
export type Incapacity = 'platform' | 'cluster-worker' | 'worker-thread' | 'pm2' | 'watcher' | 'nodemon'

/** The messages between a process and a supervisor such as pm2, over the channel that it was started with. */
export interface Supervisor {
  /** Tells it that the process serves. */
  ready(): void
  /** Calls back when the process has to stop. */
  onShutdown(listener: () => void): Release
}

/** A handler that other code has added to a signal with `process.on()`. */
export interface SignalHandler {
  /** Its name, or the beginning of its source if it has none. */
  readonly name: string
  /** Whether it has checked for other listeners when it was called. */
  readonly looked: boolean
  /** Calls it as Node would. */
  call(): unknown
}

/** A listening or UDP socket of this process, for the keeper. */
export interface KeptSocket {
  readonly bound: string
  readonly requested: string
  /** The native handle; undefined if there is none, as in a server that is closing. */
  readonly handle: object | undefined
}

/**
 * The process, if any, that holds the pid on which other programs rely, and whose children are the
 * generations.
 */
export interface Keeper {
  readonly pid: number
  /** False once the keeper has died. */
  readonly connected: boolean
  /** What the keeper was told that this process does then; undefined if the application's option decides. */
  readonly onDeath: 'drain' | 'serve' | undefined
  /** The generation of this process according to the keeper, which counts crashed ones too. */
  readonly generation: number
  /** The sockets of a crashed generation, as descriptors of this process. */
  readonly listeners: readonly {
    readonly bound: string
    readonly requested: string
    readonly fd: number
  }[]
  /**
   * Tells the keeper on which sockets this process listens: it keeps a descriptor of each, and closes all
   * others.
   */
  keep(sockets: readonly KeptSocket[]): void
  /** Notes that the keeper has these already, because this process inherited them. */
  inherits(addresses: readonly string[]): void
  /**
   * Resolves when the keeper no longer holds the socket of this address open. If two processes have a
   * listening socket, the last one to close it resets the connections in its queue.
   */
  letGo(bound: string): Promise<void>
  /** Tells the keeper that this process serves from now on. */
  takeCharge(generation: number): void
  /** Calls back once the keeper is gone. At once, in a microtask, if it is gone already. */
  onGone(listener: () => void): Release
  /** Calls back for each request through the keeper. The listener resolves or rejects with the answer. */
  onAsk(listener: (what: 'restart' | 'stop' | 'status') => Promise<unknown>): Release
}

/** A process that has sent this one a restart signal and waits for the outcome. */
export interface Asker {
  succeeded(result: unknown): void
  failed(error: unknown): void
}

/** The future keeper: the predecessor of this process becomes one when it has drained. */
export interface ComingKeeper {
  readonly pid: number
  /** Resolves with the keeper, or with undefined if the predecessor has died instead. */
  readonly arrived: Promise<Keeper | undefined>
}

/**
 * Lets this process keep its pid through a restart, if something relies on it, by becoming the keeper of its
 * successor.
 */
export interface PidKeeping {
  /** The program that relies on the pid of this process now; undefined if none is found. */
  readonly user: PidUser | undefined
  /**
   * Why this process cannot become a keeper, in words that follow "because"; undefined if it can. Never
   * rejects.
   */
  obstacle(): Promise<string | undefined>
  /** Rejects if the last started successor does not wait for its keeper. */
  isAwaited(): Promise<void>
  /**
   * Makes the end of this process replace its program with the keeper's instead.
   * @param generation the generation of the last started successor
   */
  begin(generation: number): Release
  /** Whether that is so. */
  readonly begun: boolean
  /**
   * The `PIDFile=` of the systemd unit; undefined if there is none, or if systemd does not answer. Never
   * rejects.
   */
  unitPidFile(): Promise<string | undefined>
  /**
   * Whether systemd has started this process through another program, so that this may be the main process of a
   * unit with `Type=forking`.
   */
  readonly mayBeMain: boolean
  /** The main process of the systemd unit; undefined if systemd does not answer. Never rejects. */
  unitMainPid(): Promise<number | undefined>
}

/** The signals of this process. */
export interface SignalSystem {
  readonly pid: number
  /** Calls back before existing listeners. The last listener's release restores the default action. */
  onSignal(signal: NodeJS.Signals, listener: () => void): Release
  /**
   * The same, and controls which of other code's handlers get the signal: see `SignalGates`.
   * @param holds whether to hold the signal back from them
   */
  watchSignal(signal: NodeJS.Signals, listener: () => void, holds: boolean): Release
  /** Other code's handlers that have not run since the signal was first watched. */
  unheard(signal: NodeJS.Signals): readonly SignalHandler[]
  /** Whether the signal has a listener in this process. */
  hasSignalListener(signal: NodeJS.Signals): boolean
  /** The signals that Node itself uses, because of a flag or the program. */
  signalsOfNode(): readonly string[]
  /** Whether the kernel is known not to deliver the signal. */
  isSignalIgnored(signal: NodeJS.Signals): boolean
  kill(pid: number, signal: NodeJS.Signals): void
  /** Calls back when code in this process sends this process a signal. */
  onOwnKill(listener: (signal: NodeJS.Signals) => void): Release
  /** Calls back in the check phase of the event loop: after all events of the current poll. */
  setImmediate(callback: () => void): Release
}

/** Everything that the core uses from outside. Tests replace it to control time, signals and children. */
export interface System extends SignalSystem {
  readonly incapacity: Incapacity | undefined
  readonly cluster: ClusterSystem
  readonly commandLine: CommandLine
  /** The value of `ZERODROP_INHERIT` as this process was started with it. It is no longer in the environment. */
  readonly inheritVariable: string | undefined
  readonly predecessor: PredecessorChannel | undefined
  /** Undefined if this process has no keeper. */
  readonly keeper: Keeper | undefined
  /** Whether the keeper, or one that an earlier generation had, loads zerodrop into each generation. */
  readonly registers: boolean
  /** Undefined if the predecessor does not become a keeper. */
  readonly comingKeeper: ComingKeeper | undefined
  readonly pidKeeping: PidKeeping
  /** Checks whether a process waits for the outcome of a restart that a signal has just requested. */
  waitingAsker(): Asker | undefined
  /** The channel to the process that forked this one; undefined for a program that was started without one. */
  readonly parent: ParentReader | undefined
  /** The title of the process, by which some frameworks can be recognised. */
  readonly title: string
  /** The current environment. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  /**
   * Stops the preload's work for the start of the application. Calling it again does nothing.
   * @returns the signals that this process has survived because of it
   */
  endBoot(): readonly NodeJS.Signals[]
  /** The sockets that a service manager has opened for this process, unless `takeListenFds()` has taken them. */
  readonly activation: Activation | undefined
  /**
   * How many listening sockets this process got according to `LISTEN_FDS` without a `LISTEN_PID`. Removes
   * the variable from the environment, and from that of successors. 0 without the variable, and in a
   * successor, whose environment loses it too.
   */
  takeListenFds(): number
  /** True if a person at a terminal started the process and waits for the prompt. */
  readonly interactive: boolean
  /**
   * Whether the kernel has sent a SIGHUP that has just arrived because the predecessor, which led the
   * terminal's session, has ended. True once.
   */
  takeHangUp(): boolean
  /** True once a terminal on which this process was started has been closed. */
  readonly hungUp: boolean
  /** True if a file watcher started the process, and waits for its end to start it again. */
  readonly watched: boolean
  /** The supervisor that started this process and exchanges messages with it; not a predecessor. */
  readonly supervisor: Supervisor | undefined
  /** How long the platform waits for this process at a stop; resolves with undefined if that is unknown. */
  gracePeriod(): Promise<GracePeriod | undefined>
  /** systemd, if this process is a service that notifies it. */
  readonly serviceManager: ServiceManager | undefined
  /** Monotonic milliseconds. */
  now(): number
  setTimeout(callback: () => void, milliseconds: number): Release
  /** The same, but does not keep the process from ending by itself. */
  setIdleTimeout(callback: () => void, milliseconds: number): Release
  /** Keeps the process alive although its event loop is empty. */
  hold(): Release
  /** The exit status that other code has set for a normal end of the process: `process.exitCode`. */
  readonly exitStatus: number
  exit(code: number): void
  /**
   * Calls back when the process ends, unless a signal ends it. The return value of the listener becomes the
   * exit status.
   * @param listener called with the exit status, and where `process.exit()` was called if it was
   */
  onExit(listener: (status: number, caller: string | undefined) => number): Release
  /**
   * Prevents other code from ending the process: `process.exit()`, and `process.kill()` with one of these
   * signals and this process, call back instead. `exit()` of this interface ends the process nonetheless.
   * @param onExit called with the requested exit status; 0 for a signal
   * @param onCopy called with the place if other code still ends it, with a copy of `process.exit`
   */
  deferExit(
    signals: readonly NodeJS.Signals[],
    onExit: (status: number) => void,
    onCopy: (caller: string) => void,
  ): Release
  /** Signals that this process sends to its own process group call back instead. Stays in place in `exit()`. */
  spareGroup(onSpared: (signal: NodeJS.Signals) => void): Release
  /**
   * Calls back once, when nothing keeps the event loop alive, or after this time. zerodrop's own handles
   * have to be closed or unreferenced by then.
   * @param callback called with whether the event loop is empty
   */
  whenIdle(callback: (idle: boolean) => void, milliseconds: number): Release
  writeError(line: string): void
  /** See `openProgressLine`: resolves with undefined if there is none. Never rejects. */
  openProgressLine(): Promise<ProgressLine | undefined>
  /** How long a process has waited for a CPU, in milliseconds; undefined if that is unknown. */
  processorWait(pid: number): number | undefined
  /**
   * How many descriptors this process can still open: exactly, or at least `enough`. Undefined if that is
   * unknown.
   */
  freeDescriptors(enough: number): FreeDescriptors | undefined
  /** Whether a process is known to run. */
  isRunning(pid: number): boolean
  /** Whether a server answers on a Unix socket's path. Waits for the answer. */
  isServed(path: string): boolean
  /**
   * Starts a copy of this process. The descriptors of `listeners` become its descriptors 3, 4, …; a channel follows them.
   * If there is a keeper, the keeper does it.
   * @param isKept whether it has to wait for this process as its keeper
   * @throws what `child_process.spawn` throws; with a keeper, the promise rejects with the keeper's error
   */
  spawn(
    listeners: readonly { readonly fd: number; readonly bound: string }[],
    environment: Readonly<NodeJS.ProcessEnv>,
    isKept?: boolean,
  ): ChildProcess | Promise<ChildProcess>
}
