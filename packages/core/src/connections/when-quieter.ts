import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { currentResponse, hasUnflushed, readsHttp1, unreadRequest } from './exchange.ts'

/**
 * Calls back, once, when a connection may have become idle without the end of a response: when the rest of
 * the body of a request that was answered early has arrived, or when all written data has left this process.
 * Code that looks for idle connections at the end of each response misses these two cases.
 * @returns false if neither is outstanding
 */
export function whenQuieter(socket: Socket, listener: () => void): boolean {
  if (socket.destroyed || !readsHttp1(socket) || currentResponse(socket) !== undefined) return false
  const unread = unreadRequest(socket)
  if (unread !== undefined) whenComplete(unread, socket, listener)
  // An empty write calls back after everything that was written before it.
  else if (socket.writable && hasUnflushed(socket)) socket.write('', () => listener())
  else return false
  return true
}

/**
 * Checks after each chunk that arrives. The request itself emits nothing until its body is read, and the
 * application may have stopped reading.
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
