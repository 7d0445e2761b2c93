import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import { isCheck } from '../health/self-socket.ts'
import type { Release } from '../system/system.ts'

/**
 * Calls `replace` before a server's handlers get a request of the process to itself, and the release that it
 * returns once they have been called. The first request after the last of those stops this.
 * @param isOver whether the process makes no more requests to itself
 */
export function shadowDuringSelfRequests(
  server: Server,
  isOver: () => boolean,
  replace: () => Release,
): void {
  let release: Release | undefined
  const end = (): void => {
    release?.()
    release = undefined
  }
  const begin = ({ socket }: IncomingMessage): void => {
    // A handler that threw has kept the listener after it from being called.
    end()
    if (isCheck(socket)) release = replace()
    else if (isOver()) server.off('request', begin).off('request', end)
  }
  server.prependListener('request', begin).on('request', end)
}
