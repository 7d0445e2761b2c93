import { Failure } from '../fail.ts'
import type { Launcher } from './launcher.ts'

/**
 * Ends what was started when this process is told to end, or ends for any other reason. Returns a function that removes it,
 * and that never resolves once a signal has come: the process is about to end by it.
 * A signal ends the process as it would have; npm passes a SIGINT on that the terminal has sent already, so it may come twice.
 */
export function endWhenInterrupted(launcher: Launcher): () => Promise<void> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
  let interrupted = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (interrupted) return
    interrupted = true
    void launcher.endAll().finally(() => {
      remove()
      process.kill(process.pid, signal)
    })
  }
  const onExit = (): void => launcher.endNow()
  const remove = (): void => {
    for (const signal of signals) process.off(signal, onSignal)
    process.off('exit', onExit)
  }
  for (const signal of signals) process.on(signal, onSignal)
  process.on('exit', onExit)
  return async () => {
    if (interrupted) await new Promise<never>(() => {})
    remove()
  }
}

/** Rejects when somebody has to read this stream, and nobody does. */
export function closing(stream: NodeJS.WriteStream): Promise<never> {
  const closed = new Promise<never>((_resolve, reject) =>
    stream.once('error', (error: NodeJS.ErrnoException) => {
      // Later writes fail as well.
      stream.on('error', () => {})
      reject(
        new Failure(`Standard output is closed (${error.code}), so nobody sees the verdict.`, { status: 2 }),
      )
    }),
  )
  closed.catch(() => {})
  return closed
}

/** Resolves when everything written so far has left this process. If it cannot, `closing` says so. */
export function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) =>
    stream.write('', (error) => {
      if (!error) resolve()
    }),
  )
}
