import { constants } from 'node:os'
import type { Release, SignalSystem } from '../system/system.ts'

/**
 * Replaces the default action of each listed signal that this platform has.
 * @param isHeld whether to hold back other code's handlers of a signal. They are never removed.
 * @returns a function that restores the default actions
 */
export function watchSignals(
  system: Pick<SignalSystem, 'watchSignal'>,
  signals: readonly NodeJS.Signals[],
  receive: (signal: NodeJS.Signals) => void,
  isHeld: (signal: NodeJS.Signals) => boolean = () => false,
): Release {
  const releases = signals
    .filter((signal) => signal in constants.signals)
    .map((signal) => system.watchSignal(signal, () => receive(signal), isHeld(signal)))
  return () => {
    for (const release of releases.splice(0)) release()
  }
}
