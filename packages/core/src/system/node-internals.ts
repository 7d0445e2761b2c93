/**
 * What zerodrop reads that is private in Node, and nothing else. Each function answers `undefined` for "cannot tell": a
 * Node that keeps it elsewhere must not make a caller close or move a connection.
 */
import type { Socket } from 'node:net'

interface SecureSocket {
  readonly _parent?: Socket
  readonly _handle?: { readonly _parentWrap?: { readonly stream?: Socket } | null } | null
}

/**
 * The stream below a TLS socket of a server, as it was given to 'connection': Node keeps a `net.Socket` as it is, and any
 * other Duplex inside a socket of its own.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (TLSSocket, TLSSocket.prototype._init)
 */
export function carrierOf(secure: Socket): Socket | undefined {
  const { _parent, _handle } = secure as SecureSocket
  return _parent ?? _handle?._parentWrap?.stream
}
