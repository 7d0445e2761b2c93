import { constants } from 'node:os'
import type { Release, System } from '../system/system.ts'

/**
 * Takes over the default action of each listed signal that this platform has.
 * @returns gives the default actions back. Handlers of others on the same signals are never touched.
 */
export function watchSignals(
  system: Pick<System, 'onSignal'>,
  signals: readonly NodeJS.Signals[],
  receive: (signal: NodeJS.Signals) => void,
): Release {
  const releases = signals
    .filter((signal) => signal in constants.signals)
    .map((signal) => system.onSignal(signal, () => receive(signal)))
  return () => {
    for (const release of releases.splice(0)) release()
  }
}
