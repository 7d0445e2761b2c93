import type { Server, Socket } from 'node:net'

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

/**
 * Gives a TLS server that is open already another session id context.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_tls_wrap.js (Server.prototype.setSecureContext)
 * @returns undefined if that is impossible: the server is as it was
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

/** What `tls.createServer()` was given, as Node keeps it on the server. */
interface SecureServer {
  readonly _contexts?: readonly unknown[]
  readonly requestCert?: boolean
}

/** The options by which a server decides whom it lets in, and over which kind of connection. */
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
  /** Of the options, in a fixed order. */
  readonly values: readonly unknown[]
}

/**
 * Node keeps the options as properties of the server, and the callbacks under symbols.
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
