import type { ListenOptions, Server } from 'node:net'
import { shadow } from '../system/shadow.ts'

/**
 * Lets a server listen without emitting 'listening' again: the application's handlers for it should run only
 * once.
 * @param onDone called instead, with the error if it cannot listen
 */
export function listenQuietly(server: Server, options: ListenOptions, onDone: (error?: Error) => void): void {
  const release = shadow(
    server,
    'emit',
    (emit) =>
      function (this: Server, event: string | symbol, ...args: unknown[]): boolean {
        if (event !== 'listening' && event !== 'error') return Reflect.apply(emit, this, [event, ...args])
        release()
        if (event === 'error') onDone(args[0] as Error)
        else onDone()
        return true
      },
  )
  server.listen({ ...options })
}
