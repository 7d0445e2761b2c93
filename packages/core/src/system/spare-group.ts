import { syncBuiltinESMExports } from 'node:module'
import { constants } from 'node:os'
import { processStat } from './process-stat.ts'
import { shadow } from './shadow.ts'
import type { Release } from './system.ts'

/**
 * Keeps the signals that this process sends to its own process group from the group: `process.kill(0, signal)` and
 * `process.kill(-group, signal)` return true and send nothing.
 *
 * It does not reach a copy of `process.kill` that was taken beforehand, native code, and child processes.
 * @param onSpared called with the signal that was not sent
 */
export function spareGroup(onSpared: (signal: NodeJS.Signals) => void): Release {
  const release = shadow(process, 'kill', (kill) => (pid, signal = 'SIGTERM') => {
    const name = nameOf(signal)
    // 0 only asks whether there is such a process.
    if (name === undefined || !isOwnGroup(Number(pid))) return Reflect.apply(kill, process, [pid, signal])
    onSpared(name)
    return true
  })
  syncBuiltinESMExports()
  return () => {
    release()
    syncBuiltinESMExports()
  }
}

/** https://man7.org/linux/man-pages/man2/kill.2.html */
function isOwnGroup(pid: number): boolean {
  if (pid >= 0) return Object.is(pid, 0)
  return -pid === (processStat(process.pid)?.group ?? process.pid)
}

/** Undefined for what is no signal: Node throws then. */
function nameOf(signal: string | number): NodeJS.Signals | undefined {
  const found = Object.entries(constants.signals).find(
    ([name, number]) => signal === name || signal === number,
  )
  return found?.[0] as NodeJS.Signals | undefined
}
