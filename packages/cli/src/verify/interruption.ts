import { Failure } from '../fail.ts'
import type { Launcher } from './launcher.ts'

/**
 * Ends all servers when this process receives a signal or exits for any other reason, then lets the signal end the process.
 * Returns a function that removes the listeners; after a signal its promise never resolves, because the process is ending.
 * SIGINT may arrive twice: npm forwards the one that the terminal has already sent.
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

/** Rejects when the reader of the stream is gone. */
export function closing(stream: NodeJS.WriteStream): Promise<never> {
  const closed = new Promise<never>((_resolve, reject) =>
    stream.once('error', (error: NodeJS.ErrnoException) => {
      // Later writes emit 'error' too.
      stream.on('error', () => {})
      reject(
        new Failure(`Standard output is closed (${error.code}), so nobody sees the verdict.`, { status: 2 }),
      )
    }),
  )
  closed.catch(() => {})
  return closed
}

/** Resolves when everything written so far has left this process. `closing()` reports a failed write. */
export function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) =>
    stream.write('', (error) => {
      if (!error) resolve()
    }),
  )
}
