import { constants } from 'node:os'
import type { Release, SignalSystem } from '../system/system.ts'

/**
 * Takes over the default action of each listed signal that this platform has.
 * @param isHeld whether a signal is kept from the handlers of others meanwhile. They are never taken off.
 * @returns a function that gives the default actions back
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
