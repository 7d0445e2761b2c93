import type { Server, Socket } from 'node:net'

interface SecureSocket {
  readonly _parent?: Socket
  readonly _handle?: { readonly _parentWrap?: { readonly stream?: Socket } | null } | null
}

/**
 * The stream below a TLS socket of a server, as 'connection' emitted it: Node uses a `net.Socket` directly,
 * and wraps any other Duplex in its own socket.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (TLSSocket, TLSSocket.prototype._init)
 */
export function carrierOf(secure: Socket): Socket | undefined {
  const { _parent, _handle } = secure as SecureSocket
  return _parent ?? _handle?._parentWrap?.stream
}

/**
 * Sets another session id context on an open TLS server.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (Server.prototype.setSecureContext)
 * @returns undefined if that is impossible: the server is unchanged
 */
export function setSessionIdContext(server: Server, context: string): true | undefined {
  const internals = server as Server & {
    sessionIdContext?: string
    readonly _sharedCreds?: { readonly context?: { setSessionIdContext?(context: string): void } }
  }
  const { context: native } = internals._sharedCreds ?? {}
  if (native?.setSessionIdContext === undefined) return undefined
  native.setSessionIdContext(context)
  internals.sessionIdContext = context
  return true
}

/** The options of `tls.createServer()`, as Node stores them on the server. */
interface SecureServer {
  readonly _contexts?: readonly unknown[]
  readonly requestCert?: boolean
}

/** The options that decide which clients and connections a server accepts. */
const securityOptions = [
  'rejectUnauthorized',
  'ca',
  'crl',
  'pfx',
  'minVersion',
  'maxVersion',
  'secureProtocol',
  'secureOptions',
  'ciphers',
  'honorCipherOrder',
  'ecdhCurve',
  'sigalgs',
  'dhparam',
] as const

/** How a TLS server treats its clients. */
export interface SecureSettings {
  readonly asksForCertificate: boolean
  /** Whether it has contexts for server names. */
  readonly hasContexts: boolean
  /** Whether functions of the application decide, by server name or by pre-shared key. */
  readonly hasCallbacks: boolean
  /** The values of the options, in a fixed order. */
  readonly values: readonly unknown[]
}

/**
 * Node stores the options as properties of the server, and the callbacks under symbols.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (Server, Server.prototype.setSecureContext)
 */
export function secureSettingsOf(server: Server): SecureSettings | undefined {
  const { _contexts: contexts, requestCert } = server as Server & SecureServer
  if (!Array.isArray(contexts) || typeof requestCert !== 'boolean') return undefined
  if (!securityOptions.every((name) => name in server)) return undefined
  const symbols = Object.getOwnPropertySymbols(server)
  const callbacks = ['snicallback', 'pskcallback'].map((name) =>
    symbols.find((each) => each.description === name),
  )
  if (callbacks.includes(undefined)) return undefined
  return {
    asksForCertificate: requestCert,
    hasContexts: contexts.length > 0,
    hasCallbacks: callbacks.some((symbol) => Reflect.get(server, symbol as symbol) !== undefined),
    values: securityOptions.map((name) => Reflect.get(server, name) as unknown),
  }
}
