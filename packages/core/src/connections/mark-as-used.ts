import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Node's parser of the requests of one connection, as far as it is needed. */
interface Parser {
  incoming: IncomingMessage | null
  onIncoming: unknown
  execute(data: Buffer): number | Error
}

/** Those that were used in another process. */
const usedElsewhere = new WeakSet<Socket>()

/** Whether a byte has ever arrived on a connection, here or in the process that it came from. */
export function isUsed(socket: Socket): boolean {
  // A Duplex that is no socket counts no bytes, but everything that is read on it goes through its 'data' event.
  const { bytesRead, readableDidRead } = socket as Partial<Socket>
  return (bytesRead === undefined ? readableDidRead === true : bytesRead > 0) || usedElsewhere.has(socket)
}

/** Bytes have arrived on a connection before it came here. */
export function noteUsed(socket: Socket): void {
  usedElsewhere.add(socket)
}

const request = Buffer.from('GET / HTTP/1.1\r\n\r\n')

/**
 * Puts a connection on which this process has read nothing where it is behind its first request: between two. Until
 * then Node takes it for a client that connects and is silent, answers it with 408 after `headersTimeout` while it only
 * rests, and does not count it as idle.
 *
 * Only the parser knows which it is, so it is shown a request of which nobody hears. On a Node whose parser is
 * another, nothing happens.
 */
export function markAsUsed(socket: Socket): void {
  const { parser } = socket as Socket & { parser?: Partial<Parser> | null }
  if (typeof parser?.execute !== 'function' || typeof parser.onIncoming !== 'function') return
  noteUsed(socket)
  const { onIncoming } = parser
  parser.onIncoming = () => 0
  try {
    parser.execute(request)
  } finally {
    parser.onIncoming = onIncoming
    parser.incoming = null
  }
}
