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
 * What a TLS server asks of its clients, as a hash that the next process can compare with its own: a session that was
 * resumed is not asked again.
 * @returns undefined where that cannot be told, or where a session must not be resumed by another process: with client
 *   certificates, with pre-shared keys, and with contexts or a callback for server names, which nothing describes
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

/** @throws for what cannot be compared */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  // A file may be given as it was read, or as text.
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
  if (value === undefined || value === null) return null
  if (['string', 'number', 'boolean'].includes(typeof value)) return value
  throw new TypeError('not comparable')
}
