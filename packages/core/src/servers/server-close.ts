import type { Server } from 'node:net'
import type { Release } from '../system/system.ts'

/**
 * Makes `server.close()` drain. Node's own resets requests that are on their way on idle connections, and never comes
 * back for others; code that calls it, in the application or in a framework, wants neither.
 * @param drain drains the server, and resolves when its last connection has ended; undefined if it has nothing to drain
 */
export function drainOnClose(server: Server, drain: () => Promise<unknown> | undefined): Release {
  const own = Object.getOwnPropertyDescriptor(server, 'close')
  const original = Reflect.get(server, 'close') as (callback?: (error?: Error) => void) => Server
  const close = (callback?: (error?: Error) => void): Server => {
    const drained = drain()
    if (drained === undefined)
      return Reflect.apply(original, server, callback === undefined ? [] : [callback])
    const callBack = async (): Promise<void> => {
      await drained
      callback?.()
    }
    void callBack()
    return server
  }
  Object.defineProperty(server, 'close', { value: close, configurable: true, writable: true })
  return () => {
    if (own === undefined) Reflect.deleteProperty(server, 'close')
    else Object.defineProperty(server, 'close', own)
  }
}
