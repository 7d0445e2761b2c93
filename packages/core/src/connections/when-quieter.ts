import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { currentResponse, hasUnflushed, readsHttp1, unreadRequest } from './exchange.ts'

/**
 * Calls back, once, when a connection may have become idle in another way than by the end of a response: when the rest of
 * a body has arrived whose request was answered early, or when what was written has left this process. Whoever looks for
 * idle connections at the end of each response sees those two never.
 * @returns false if neither is outstanding
 */
export function whenQuieter(socket: Socket, listener: () => void): boolean {
  if (socket.destroyed || !readsHttp1(socket) || currentResponse(socket) !== undefined) return false
  const unread = unreadRequest(socket)
  if (unread !== undefined) whenComplete(unread, socket, listener)
  // An empty write calls back behind all that was written before it.
  else if (socket.writable && hasUnflushed(socket)) socket.write('', () => listener())
  else return false
  return true
}

/**
 * Looks after each chunk that arrives. The request itself emits nothing until somebody reads its body, and the application
 * may have stopped doing that.
 */
function whenComplete(request: IncomingMessage, socket: Socket, listener: () => void): void {
  const onData = (): void => {
    if (!request.complete) return
    socket.off('data', onData)
    // After Node has put the last part of the body into the request.
    queueMicrotask(listener)
  }
  socket.on('data', onData)
}
