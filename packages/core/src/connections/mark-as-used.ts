import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** The members of Node's request parser that are needed here. */
interface Parser {
  incoming: IncomingMessage | null
  onIncoming: unknown
  execute(data: Buffer): number | Error
}

/** Connections that were used in another process. */
const usedElsewhere = new WeakSet<Socket>()

/** Whether a byte has ever arrived on a connection, here or in the process from which it moved. */
export function isUsed(socket: Socket): boolean {
  // A Duplex that is not a socket does not count bytes, but its 'data' event emits everything that is read.
  const { bytesRead, readableDidRead } = socket as Partial<Socket>
  return (bytesRead === undefined ? readableDidRead === true : bytesRead > 0) || usedElsewhere.has(socket)
}

/** Notes that bytes have arrived on a connection before it moved here. */
export function noteUsed(socket: Socket): void {
  usedElsewhere.add(socket)
}

const request = Buffer.from('GET / HTTP/1.1\r\n\r\n')

/**
 * Makes Node treat a connection, on which this process has read nothing, as one between two requests.
 * Otherwise Node treats it as a client that has connected and is silent: it answers 408 after
 * `headersTimeout` although the connection is only idle, and does not count it as idle.
 *
 * Only the parser holds this state, so it gets a request that is never emitted. If this version of Node has
 * another parser, nothing happens.
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
