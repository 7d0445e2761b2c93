import { callerOfExit } from './caller-of-exit.ts'
import type { Release } from './system.ts'

/**
 * Calls back when the process exits.
 * @param listener called with the status and the function that called `process.exit()`, if any; returns the status to
 *   exit with
 */
export function onExit(listener: (status: number, caller: string | undefined) => number): Release {
  const set = (status: number): void => {
    // Called inside process.exit(), so the stack shows who called it.
    process.exitCode = listener(status, callerOfExit(new Error('exit').stack))
  }
  process.on('exit', set)
  return () => process.off('exit', set)
}
