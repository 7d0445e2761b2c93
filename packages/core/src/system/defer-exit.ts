import { syncBuiltinESMExports } from 'node:module'
import { constants } from 'node:os'
import { callerOfExit } from './caller-of-exit.ts'
import { shadow } from './shadow.ts'
import type { Release } from './system.ts'

/**
 * Prevents other code in this process from ending it. `process.exit()`, and `process.kill()` with the
 * process's own id and one of these signals, or SIGKILL, call back instead, and return.
 *
 * It does not reach code that took a copy of `process.exit` beforehand (`const { exit } = process`); an
 * `import { exit } from 'node:process'` is reached.
 * @param onExit called with the requested exit status; 0 for a signal
 * @param onCopy called, while the process ends, with where such a copy was called
 */
export function deferExit(
  signals: readonly NodeJS.Signals[],
  onExit: (status: number) => void,
  onCopy: (caller: string) => void,
): Release {
  const numbers = new Set(['SIGKILL' as const, ...signals].map((signal) => constants.signals[signal]))
  const releases = [
    shadow(process, 'exit', () => {
      const exit = (code: number | string | null | undefined = process.exitCode): void =>
        onExit(Number(code ?? 0) || 0)
      return exit as typeof process.exit
    }),
    shadow(process, 'kill', (kill) => (pid, signal = 'SIGTERM') => {
      const number = typeof signal === 'number' ? signal : constants.signals[signal as NodeJS.Signals]
      if (Number(pid) !== process.pid || !numbers.has(number))
        return Reflect.apply(kill, process, [pid, signal])
      onExit(0)
      return true
    }),
  ]
  const onEnd = (): void => {
    // Called inside process.exit(); a process that ends in another way reports the reason itself.
    const caller = callerOfExit(new Error('exit').stack)
    if (caller !== undefined) onCopy(caller)
  }
  process.on('exit', onEnd)
  releases.push(() => process.off('exit', onEnd))
  syncBuiltinESMExports()
  return () => {
    for (const release of releases.splice(0)) release()
    syncBuiltinESMExports()
  }
}
