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
 * - `'force'` cuts at once what a drain or a handover has left; while the process serves, it stops and cuts
 *   everything. Exits with 128 + the signal's number.
 * - `'status'` writes what the process is doing to the log, as `lifecycle.dumpStatus()` does.
 * - `'ignore'` takes the signal and does nothing.
 * - A function is called.
 */
export type SignalAction = 'shutdown' | 'restart' | 'force' | 'status' | 'ignore' | SignalFunction

/** What a signal does, and what happens around it. */
export interface SignalReaction {
  /** @default what the preset or the defaults say; otherwise `'ignore'` */
  readonly action?: SignalAction
  /** Called before the action begins. The action does not wait for its promise. */
  readonly before?: SignalFunction
  /** Called when the action has begun. */
  readonly after?: SignalFunction
  /**
   * Whether handlers of other libraries for this signal are held back: see `isHeld`. With false they run at
   * once, as without zerodrop.
   * @default true for `'shutdown'`, `'restart'` and `'force'`, otherwise false
   */
  readonly hold?: boolean
}

/**
 * Whether a signal is kept from the handlers of others. Those of the signal that stops the process are called when the
 * last connection has ended; those of a signal that restarts it are not called.
 */
export function isHeld({ action = 'ignore', hold }: SignalReaction): boolean {
  return hold ?? (action === 'shutdown' || action === 'restart' || action === 'force')
}

/** The signals that are handled. */
export type SignalMap = Readonly<Partial<Record<NodeJS.Signals, SignalReaction>>>

/** All that is decided about signals. */
export interface SignalTable {
  readonly reactions: SignalMap
  /** What a signal to stop does to a process that stops already; `'default'`: what it does to any program. */
  readonly secondStop: 'force' | 'ignore' | 'default'
  /** Whether `'force'` only acts on what is on its way out. */
  readonly forcesOnlyDrains: boolean
  /** The signals that the application has named itself: these are handled although Node was given them too. */
  readonly named?: readonly string[]
}

/**
 * For how many milliseconds after a first signal to stop another one is the same request: a process group and a parent
 * that passes signals on both deliver it.
 */
export const sameStop = 500

/** SIGUSR1 is not here: it belongs to Node's inspector. SIGBREAK exists on Windows only: Ctrl-Break. */
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

/** The exit status by which a shell knows that a process ended by a signal. */
export function exitStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
