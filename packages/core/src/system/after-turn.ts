import type { Release, SignalSystem } from './system.ts'

/**
 * Calls back when the event loop has read all data that had arrived by now. The first callback may run in a
 * tick that polled before this call; the second runs after a tick that has polled.
 */
export function afterTurn(system: Pick<SignalSystem, 'setImmediate'>, callback: () => void): Release {
  let release = system.setImmediate(() => {
    release = system.setImmediate(callback)
  })
  return () => release()
}
