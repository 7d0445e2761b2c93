import { constants } from 'node:os'

/**
 * Called with the signal, sync or async. If it throws or rejects, that is reported and the process
 * continues.
 */
export type SignalFunction = (signal: NodeJS.Signals) => unknown

/**
 * What a signal does.
 *
 * - `'shutdown'` drains and exits.
 * - `'restart'` starts a successor and hands over to it.
 * - `'force'` cuts all that a drain or a handover has left; while the process serves, it stops and cuts
 *   everything. Exits with 128 + the signal's number.
 * - `'status'` writes what the process is doing to the log, as `lifecycle.dumpStatus()` does.
 * - `'ignore'` handles the signal and does nothing.
 * - A function is called.
 */
export type SignalAction = 'shutdown' | 'restart' | 'force' | 'status' | 'ignore' | SignalFunction

/** What a signal does, and what happens around it. */
export interface SignalReaction {
  /** @default the action in the preset or the defaults; otherwise `'ignore'` */
  readonly action?: SignalAction
  /** Called before the action begins. The action does not wait for its promise. */
  readonly before?: SignalFunction
  /** Called when the action has begun. */
  readonly after?: SignalFunction
  /**
   * Whether zerodrop holds back other libraries' handlers for this signal: it calls them when the last
   * connection has ended, and at a restart signal not at all. With false they run at once, as without
   * zerodrop.
   * @default true for `'shutdown'`, `'restart'` and `'force'`, otherwise false
   */
  readonly hold?: boolean
}

/**
 * Whether zerodrop holds back other libraries' handlers of a signal. It calls the handlers of a signal that
 * stops the process when the last connection has ended, and those of a signal that restarts it not at all.
 */
export function isHeld({ action = 'ignore', hold }: SignalReaction): boolean {
  return hold ?? (action === 'shutdown' || action === 'restart' || action === 'force')
}

/** The signals that are handled. */
export type SignalMap = Readonly<Partial<Record<NodeJS.Signals, SignalReaction>>>

/** The resolved settings for signals. */
export interface SignalTable {
  readonly reactions: SignalMap
  /**
   * What a stop signal does to a process that is already stopping; `'default'` is the kernel's default
   * action.
   */
  readonly secondStop: 'force' | 'ignore' | 'default'
  /** Whether `'force'` only acts during a drain or a handover. */
  readonly forcesOnlyDrains: boolean
  /**
   * The signals that the application has named itself: zerodrop handles these even if an option gives them
   * to Node.
   */
  readonly named?: readonly string[]
}

/**
 * For this many milliseconds after a stop signal, another one counts as the same request: both the process
 * group and a parent that passes signals on may deliver it.
 */
export const sameStop = 500

/**
 * SIGUSR1 is missing because it belongs to Node's inspector. SIGBREAK (Ctrl-Break) exists only on Windows.
 */
export const defaultSignalTable: SignalTable = {
  reactions: {
    SIGINT: { action: 'shutdown' },
    SIGTERM: { action: 'shutdown' },
    SIGBREAK: { action: 'shutdown' },
    SIGHUP: { action: 'restart' },
    SIGUSR2: { action: 'restart' },
  },
  secondStop: 'force',
  forcesOnlyDrains: false,
}

/** The signals that do not end the process. */
export function survivedSignals({ reactions }: SignalTable): NodeJS.Signals[] {
  const entries = Object.entries(reactions) as [NodeJS.Signals, SignalReaction][]
  return entries.flatMap(([signal, { action }]) =>
    action === 'shutdown' || action === 'force' || !(signal in constants.signals) ? [] : [signal],
  )
}

/** The exit status that a shell reports for a process that a signal has ended. */
export function exitStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
