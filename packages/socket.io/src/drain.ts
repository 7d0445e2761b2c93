import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { lifecycle, ZerodropError } from '@zerodrop/core'

/** A client's session in engine.io, the layer below socket.io. */
interface EngineSocket {
  readonly transport: { readonly name: string }
  close(): unknown
}

/** What is used of a `Server` of socket.io. */
export interface SocketIoServer {
  readonly engine: {
    use(middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void): unknown
  }
}

/** Known by the name that a hook has in a report. */
const name = 'socket.io'

/** Seconds after which a client may try again: by then another process has the address. */
const retryAfter = '1'

/**
 * Lets clients of socket.io that poll go on elsewhere when this process drains, to stop or to restart: `drainSocketIo(io)`.
 *
 * A poll hangs for as long as there is nothing to tell its client, so by itself it would be cut at `drainTimeout`. As soon
 * as no new connection is accepted here, each hanging poll is answered with the packet that closes its session, behind
 * whatever there was to send, and no new session begins. The client says 'disconnect' with the reason
 * `'transport close'`, after which it reconnects by itself: to the successor in a restart, to another instance in a stop.
 * Clients with a WebSocket are not touched: zerodrop itself tells them.
 *
 * A second call for the same server does nothing.
 * @throws `ERR_ZERODROP_OPTION_INVALID` if the server is not attached to an HTTP server yet, or is no server of socket.io 4.6
 *   or later.
 */
export function drainSocketIo(io: SocketIoServer): void {
  // Undefined until it is attached.
  const engine = (io as Partial<SocketIoServer> | undefined)?.engine
  if (typeof engine?.use !== 'function') {
    throw new ZerodropError(
      'ERR_ZERODROP_OPTION_INVALID',
      'drainSocketIo() takes a Server of socket.io 4.6 or later that is attached to an HTTP server: call it behind `new Server(httpServer)` or `io.attach(httpServer)`.',
    )
  }
  if (known.has(engine)) return
  known.add(engine)
  let isClosed = false
  lifecycle.events.on('drain:accept-stopped', () => {
    isClosed = true
    for (const socket of sessionsOf(engine)) if (socket.transport.name === 'polling') close(socket)
  })
  // A successor that dies after it has taken over leaves the clients to this process.
  lifecycle.onReady(name, () => {
    isClosed = false
  })
  engine.use((request, response, next) => {
    if (isClosed && beginsSession(request)) refuse(response)
    else next()
  })
}

const known = new WeakSet<SocketIoServer['engine']>()

/** By their ids, as engine.io documents it. Its types call them protected. */
function sessionsOf(engine: SocketIoServer['engine']): EngineSocket[] {
  return Object.values((engine as { clients?: Record<string, EngineSocket> }).clients ?? {})
}

/** Closes a session that polls. engine.io would destroy a request by which its client is sending just now. */
function close(socket: EngineSocket): void {
  const { dataReq: sending } = socket.transport as { dataReq?: EventEmitter | null }
  if (sending === undefined || sending === null) socket.close()
  else sending.once('close', () => setImmediate(() => close(socket)))
}

/** WebSockets are left to zerodrop. */
function beginsSession({ headers, url = '' }: IncomingMessage): boolean {
  return headers.upgrade === undefined && !new URL(url, 'http://host').searchParams.has('sid')
}

function refuse(response: ServerResponse): void {
  response.writeHead(503, { 'Retry-After': retryAfter, 'Content-Type': 'text/plain' })
  response.end('Service Unavailable\n')
}
