import { createHash } from 'node:crypto'
import {
  DEFAULT_CIPHERS,
  DEFAULT_ECDH_CURVE,
  DEFAULT_MAX_VERSION,
  DEFAULT_MIN_VERSION,
  type Server,
} from 'node:tls'
import { secureSettingsOf } from './node-internals.ts'

/**
 * A hash of a TLS server's requirements for its clients, which the next process compares with its own: a
 * resumed session is not checked again.
 * @returns undefined if they are unknown, or if another process must not resume sessions: with client
 * certificates, with pre-shared keys, and with contexts or a callback for server names, which cannot be
 * compared
 */
export function tlsPolicyOf(server: Server): string | undefined {
  const settings = secureSettingsOf(server)
  if (settings === undefined) return undefined
  const { asksForCertificate, hasContexts, hasCallbacks, values } = settings
  if (asksForCertificate || hasContexts || hasCallbacks) return undefined
  const defaults = [DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MAX_VERSION, DEFAULT_MIN_VERSION]
  try {
    return createHash('sha256')
      .update(JSON.stringify([defaults, values.map(plain)]))
      .digest('base64')
  } catch {
    return undefined
  }
}

/** @throws for values that cannot be compared */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  // The content of a file may be a buffer or text.
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
  if (value === undefined || value === null) return null
  if (['string', 'number', 'boolean'].includes(typeof value)) return value
  throw new TypeError('not comparable')
}
