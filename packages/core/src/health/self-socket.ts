import type { Http2Session } from 'node:http2'
import { type Duplex, duplexPair } from 'node:stream'
import type { Server } from 'node:net'
import { Server as TlsServer } from 'node:tls'

/** Why a process asks itself: to find out whether it is ready, or to be warm when the first client comes. */
export type CheckKind = 'ready' | 'warm-up'

/** The header of such a request. Anybody can send it: what only the process itself can set is the property of its socket. */
export const checkHeader = 'x-zerodrop-check'

/** The property of its socket, for every copy of the package. */
export const checkProperty: unique symbol = Symbol.for('zerodrop.check')

/** Whether a socket is the server's end of a request that the process makes to itself. */
export function isCheck(socket: object): boolean {
  return Reflect.get(socket, checkProperty) !== undefined
}

/**
 * Gives a server a connection that comes from no network, and returns both its ends and when it has closed. Node documents that a server takes any
 * Duplex. For TLS it takes the place of the socket within: no handshake is made.
 * https://github.com/nodejs/node/blob/v20.19.0/doc/api/http.md (Event: 'connection')
 */
export function connectSelf(
  server: Server,
  kind: CheckKind,
): { client: Duplex; accepted: Duplex; closed: Promise<unknown> } {
  const [client, accepted] = duplexPair()
  const secure = server instanceof TlsServer
  Object.assign(accepted, { ...facade(server), ...(secure && secureFacade), [checkProperty]: kind })
  // What becomes of it is seen at the other end.
  accepted.on('error', () => {})
  const closing = [new Promise((resolve) => accepted.once('close', resolve))]
  // A request of HTTP/2 shows another socket, which Node puts around this one.
  const mark = (session: Http2Session): void => {
    Reflect.set(session.socket, checkProperty, kind)
    closing.push(new Promise((resolve) => session.once('close', () => resolve(undefined))))
  }
  server.once('session', mark)
  server.emit(secure ? 'secureConnection' : 'connection', accepted)
  server.off('session', mark)
  return { client, accepted, closed: Promise.all(closing) }
}

/** What applications and frameworks use of a socket and a Duplex does not have. */
function facade(server: Server): object {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const remote = { remoteAddress: '127.0.0.1', remoteFamily: 'IPv4', remotePort: 0 }
  const local = { localAddress: '127.0.0.1', localFamily: 'IPv4', localPort: port ?? 0 }
  return {
    ...remote,
    ...local,
    connecting: false,
    pending: false,
    address: () => ({ address: '127.0.0.1', family: 'IPv4', port: port ?? 0 }),
    setTimeout: returnThis,
    setNoDelay: returnThis,
    setKeepAlive: returnThis,
    ref: returnThis,
    unref: returnThis,
  }
}

const secureFacade = {
  encrypted: true,
  authorized: false,
  authorizationError: null,
  getPeerCertificate: () => ({}),
  getProtocol: () => null,
}

function returnThis<Self>(this: Self): Self {
  return this
}
