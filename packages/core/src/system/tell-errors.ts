import { inspect } from 'node:util'
import { PacedText } from './paced-text.ts'
import { shadow } from './shadow.ts'
import type { Release } from './system.ts'

/**
 * Also tells the application's stderr output, and the error that ends it, to the process that waits for its start. Of
 * more than that process shows, it tells the end.
 */
export function tellErrors(listener: (text: string) => void): Release {
  const { stderr } = process
  const text = new PacedText(listener)
  let over = false
  const tell = (piece: string): void => {
    if (!over) text.add(piece)
  }
  const onUncaught = (error: unknown): void => tell(`${inspect(error)}\n`)
  const onExit = (): void => text.flush()
  const restore = shadow(
    stderr,
    'write',
    (write) =>
      function (this: typeof stderr, chunk: string | Uint8Array, ...rest: unknown[]): boolean {
        tell(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())
        return Reflect.apply(write, this, [chunk, ...rest])
      },
  )
  process.on('uncaughtExceptionMonitor', onUncaught)
  process.on('exit', onExit)
  return () => {
    over = true
    process.off('uncaughtExceptionMonitor', onUncaught)
    process.off('exit', onExit)
    restore()
    text.flush()
  }
}
