import type { Server as HttpServer } from 'node:http'
import { Socket } from 'node:net'
import { shadow } from '../system/shadow.ts'
import { currentResponse, hasUnflushed } from './exchange.ts'
import { listConnections } from './list.ts'

/**
 * The connections of a server that are between two requests: none begun, or the last one read to its end and its
 * response sent to the last byte. One that never sent a byte is among them from Node 26.4 on, and not before.
 *
 * Only Node's parser knows when the next request has begun. `closeIdleConnections()` calls `destroy()` on the connections
 * between two requests, so for that one synchronous call `destroy` notes instead of acting. It is the method of the
 * server's class: an own one may belong to whoever wants nothing closed, as zerodrop does while it drains.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (Server.prototype.closeIdleConnections)
 *
 * Node counts a response as over that was ended and is still being sent, however long that takes; zerodrop does not.
 *
 * @param known connections of which an own `destroy`, set by someone who wraps it, is to be kept from acting as well.
 */
export function idleConnections(server: HttpServer, known: Iterable<Socket>): Set<Socket> {
  const noted = new Set<Socket>()
  const note = function (this: Socket): Socket {
    noted.add(this)
    return this
  }
  // A Duplex that is no socket inherits its `destroy` from elsewhere.
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
