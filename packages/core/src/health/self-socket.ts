import type { Http2Session } from 'node:http2'
import { type Duplex, duplexPair } from 'node:stream'
import type { AddressInfo, Server } from 'node:net'
import { setAddresses } from '../system/node-internals.ts'
import { isTlsServer } from '../system/tls-server.ts'

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
  const secure = isTlsServer(server)
  const own = { ...(secure && secureFacade(server)), [checkProperty]: kind }
  const local = localAddress(server)
  Object.assign(accepted, facade(local), own)
  // What becomes of it is seen at the other end.
  accepted.on('error', () => {})
  const closing = [new Promise((resolve) => accepted.once('close', resolve))]
  // A request of HTTP/2 shows another socket, which Node puts around this one.
  const mark = (session: Http2Session): void => {
    for (const name of Reflect.ownKeys(own)) Reflect.set(session.socket, name, Reflect.get(own, name))
    setAddresses(session.socket, local, remoteAddress)
    closing.push(new Promise((resolve) => session.once('close', () => resolve(undefined))))
  }
  server.once('session', mark)
  server.emit(secure ? 'secureConnection' : 'connection', accepted)
  server.off('session', mark)
  return { client, accepted, closed: Promise.all(closing) }
}

const remoteAddress: AddressInfo = { address: '127.0.0.1', family: 'IPv4', port: 0 }

function localAddress(server: Server): AddressInfo {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return { ...remoteAddress, port: port ?? 0 }
}

/** What applications and frameworks use of a socket and a Duplex does not have. */
function facade(local: AddressInfo): object {
  return {
    remoteAddress: remoteAddress.address,
    remoteFamily: remoteAddress.family,
    remotePort: remoteAddress.port,
    localAddress: local.address,
    localFamily: local.family,
    localPort: local.port,
    connecting: false,
    pending: false,
    readyState: 'open',
    bytesRead: 0,
    bytesWritten: 0,
    address: () => local,
    setTimeout: returnThis,
    setNoDelay: returnThis,
    setKeepAlive: returnThis,
    ref: returnThis,
    unref: returnThis,
    resetAndDestroy: destroy,
  }
}

/** The same of a TLS socket whose client has shown no certificate and named no server. */
function secureFacade(server: Server): object {
  return {
    encrypted: true,
    authorized: false,
    authorizationError: null,
    servername: false,
    // Without a protocol, Node's HTTP/2 server takes a connection for HTTP/1.1.
    alpnProtocol: 'updateSettings' in server ? 'h2' : false,
    getPeerCertificate: () => ({}),
    getPeerX509Certificate: nothing,
    getCertificate: () => ({}),
    getX509Certificate: nothing,
    getCipher: () => ({ name: '(NONE)', standardName: '(NONE)', version: '(NONE)' }),
    getEphemeralKeyInfo: () => null,
    getProtocol: () => null,
    getSession: nothing,
    getTLSTicket: nothing,
    getFinished: nothing,
    getPeerFinished: nothing,
    isSessionReused: () => false,
  }
}

function returnThis<Self>(this: Self): Self {
  return this
}

function destroy(this: Duplex): Duplex {
  return this.destroy()
}

function nothing(): undefined {}
