import type { Server } from 'node:net'
import { shadow } from '../system/shadow.ts'
import type { Release } from '../system/system.ts'

/**
 * Makes `server.close()` drain. Node's own version resets requests that are on their way on idle
 * connections, and waits forever for others; its callers, in the application or in a framework, want neither.
 * @param drain drains the server, and resolves when its last connection has ended; undefined if it has nothing to drain
 */
export function drainOnClose(server: Server, drain: () => Promise<unknown> | undefined): Release {
  return shadow(server, 'close', (original) => (callback) => {
    const drained = drain()
    if (drained === undefined)
      return Reflect.apply(original, server, callback === undefined ? [] : [callback])
    const callBack = async (): Promise<void> => {
      await drained
      callback?.()
    }
    void callBack()
    return server
  })
}

/**
 * Makes `close()` of a server that zerodrop has closed behave as if the server still listened: it calls back
 * without ERR_SERVER_NOT_RUNNING, and emits 'close' to listeners that were added after the first 'close'.
 */
export function letCloseSucceed(server: Server): Release {
  const known = new Set(server.rawListeners('close'))
  return shadow(server, 'close', () => (callback) => {
    queueMicrotask(() => {
      if (callback !== undefined) Reflect.apply(callback, server, [])
      for (const listener of server.rawListeners('close'))
        if (!known.has(listener)) Reflect.apply(listener, server, [])
    })
    return server
  })
}
