import type { Release, SignalSystem } from './system.ts'

/**
 * Calls back when the event loop has read all that had arrived by now. The first callback may come in the turn that had
 * read before this call, the second comes after a turn that reads.
 */
export function afterTurn(system: Pick<SignalSystem, 'setImmediate'>, callback: () => void): Release {
  let release = system.setImmediate(() => {
    release = system.setImmediate(callback)
  })
  return () => release()
}
