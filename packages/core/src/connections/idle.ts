import type { Server as HttpServer } from 'node:http'
import { Socket } from 'node:net'
import { shadow } from '../system/shadow.ts'
import { currentResponse, hasUnflushed } from './exchange.ts'
import { listConnections } from './list.ts'

/**
 * The connections of a server that are between two requests: the last request was read to its end, and its
 * response was sent to the last byte. Since Node 26.4, this includes connections on which the client has
 * never sent a byte.
 *
 * Only Node's parser knows when the next request has begun. `closeIdleConnections()` calls `destroy()` on the connections
 * between two requests, so for that one synchronous call `destroy` records the socket instead of acting.
 * This calls the method of the server's class: an own method of the server may prevent it from closing
 * anything, as zerodrop's does during a drain.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (Server.prototype.closeIdleConnections)
 *
 * Node considers a response finished once it was ended, even while it is still being sent; zerodrop does not.
 *
 * @param known connections whose own `destroy`, set by code that wraps it, must not act either
 */
export function idleConnections(server: HttpServer, known: Iterable<Socket>): Set<Socket> {
  const noted = new Set<Socket>()
  const note = function (this: Socket): Socket {
    noted.add(this)
    return this
  }
  // A Duplex that is not a socket inherits `destroy` from elsewhere.
  const shadowed = [...new Set([...known, ...(listConnections(server) ?? [])])]
    .filter((socket) => !(socket instanceof Socket) || socket.destroy !== Socket.prototype.destroy)
    .map((socket) => shadow(socket, 'destroy', () => note))
  const restore = shadow(Socket.prototype, 'destroy', () => note)
  const closeIdle = Reflect.get(
    Object.getPrototypeOf(server) as HttpServer,
    'closeIdleConnections',
  ) as () => void
  try {
    Reflect.apply(closeIdle, server, [])
  } finally {
    restore()
    for (const unshadow of shadowed) unshadow()
  }
  for (const socket of noted)
    if (currentResponse(socket) !== undefined || hasUnflushed(socket)) noted.delete(socket)
  return noted
}
