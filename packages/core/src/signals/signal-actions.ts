import { constants } from 'node:os'
import type { Release, System } from '../system/system.ts'

/** What a signal does. `'ignore'` handles the signal and does nothing, as SIG_IGN would. */
export type SignalAction = 'shutdown' | 'restart' | 'ignore'

export type SignalActions = Readonly<Partial<Record<NodeJS.Signals, SignalAction>>>

/** SIGUSR1 is not here: it belongs to Node's inspector. */
export const defaultSignalActions: SignalActions = {
  SIGINT: 'shutdown',
  SIGTERM: 'shutdown',
  SIGHUP: 'restart',
  SIGUSR2: 'restart',
}

/**
 * Takes over the default action of each listed signal that this platform has.
 * @returns gives the default actions back. Handlers of others on the same signals are never touched.
 */
export function watchSignals(
  system: System,
  actions: SignalActions,
  act: (action: SignalAction, signal: NodeJS.Signals) => void,
): Release {
  const releases = (Object.entries(actions) as [NodeJS.Signals, SignalAction][])
    .filter(([signal]) => signal in constants.signals)
    .map(([signal, action]) => system.onSignal(signal, () => act(action, signal)))
  return () => {
    for (const release of releases.splice(0)) release()
  }
}

/** The exit status by which a shell knows that a process ended by a signal. */
export function exitStatus(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
