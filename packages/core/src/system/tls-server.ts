import type { Server } from 'node:net'
import type { Server as TlsServer } from 'node:tls'

/**
 * Whether a server speaks TLS. It asks for a method that only a tls.Server has, because `instanceof` would load
 * `node:tls` and `node:crypto` into every server, which takes 2 ms.
 * https://nodejs.org/docs/latest-v20.x/api/tls.html#serversetticketkeyskeys
 */
export function isTlsServer(server: Server): server is TlsServer {
  return typeof (server as Partial<TlsServer>).setTicketKeys === 'function'
}
