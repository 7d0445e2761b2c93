import type { Server as HttpServer } from 'node:http'
import { Socket } from 'node:net'
import { listConnections } from './list.ts'

/**
 * Asks Node which connections of a server are between two requests: none begun, or the last one read to its end and
 * its response finished. One that never sent a byte is among them from Node 26.4 on, and not before.
 *
 * Only Node's parser knows when the next request has begun. `closeIdleConnections()` calls `destroy()` on exactly
 * these connections, so for that one synchronous call `destroy` notes instead of acting.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (Server.prototype.closeIdleConnections)
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
    .map((socket) => shadow(socket, note))
  const restore = shadow(Socket.prototype, note)
  try {
    server.closeIdleConnections()
  } finally {
    restore()
    for (const unshadow of shadowed) unshadow()
  }
  return noted
}

function shadow(target: Socket, destroy: Socket['destroy']): () => void {
  const own = Object.getOwnPropertyDescriptor(target, 'destroy')
  Object.defineProperty(target, 'destroy', { value: destroy, configurable: true, writable: true })
  return () => {
    if (own === undefined) Reflect.deleteProperty(target, 'destroy')
    else Object.defineProperty(target, 'destroy', own)
  }
}
