import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { lifecycle, ZerodropError } from '@zerodrop/core'

/** A client's session in engine.io, the transport layer of socket.io. */
interface EngineSocket {
  readonly transport: { readonly name: string }
  close(): unknown
}

/** The members of a socket.io `Server` that `drainSocketIo()` uses. */
export interface SocketIoServer {
  readonly engine: {
    use(middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void): unknown
  }
}

/** The hook's name in reports. */
const name = 'socket.io'

/** The delay in seconds before a client tries again. By then another process listens on the address. */
const retryAfter = '1'

/**
 * Makes polling socket.io clients reconnect to another process when this process drains, for a stop or a restart:
 * `drainSocketIo(io)`.
 *
 * A poll stays open while there is no message for its client, so a drain would cut it at `drainTimeout`. As
 * soon as this process accepts no new connections, each pending poll is answered with its pending messages
 * and the packet that closes its session, and no new session begins. The client emits 'disconnect' with the
 * reason `'transport close'` and reconnects by itself: to the successor at a restart, to another instance at
 * a stop. Clients with a WebSocket are left alone: zerodrop itself sends them a close frame.
 *
 * A second call for the same server does nothing.
 * @throws `ERR_ZERODROP_OPTION_INVALID` if the server is not attached to an HTTP server yet, or is not a
 * server of socket.io 4.6 or later
 */
export function drainSocketIo(io: SocketIoServer): void {
  // Undefined until the server is attached.
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
  // If a successor dies after it has taken over, this process serves the clients again.
  lifecycle.onReady(name, () => {
    isClosed = false
  })
  engine.use((request, response, next) => {
    if (isClosed && beginsSession(request)) refuse(response)
    else next()
  })
}

const known = new WeakSet<SocketIoServer['engine']>()

/** The sessions by id, as engine.io documents them. Its types declare them protected. */
function sessionsOf(engine: SocketIoServer['engine']): EngineSocket[] {
  return Object.values((engine as { clients?: Record<string, EngineSocket> }).clients ?? {})
}

/** Closes a polling session. engine.io would destroy a request in which the client is sending data. */
function close(socket: EngineSocket): void {
  const { dataReq: sending } = socket.transport as { dataReq?: EventEmitter | null }
  if (sending === undefined || sending === null) socket.close()
  else sending.once('close', () => setImmediate(() => close(socket)))
}

/** Whether a polling request begins a session. zerodrop itself handles WebSocket upgrades. */
function beginsSession({ headers, url = '' }: IncomingMessage): boolean {
  return headers.upgrade === undefined && !new URL(url, 'http://host').searchParams.has('sid')
}

function refuse(response: ServerResponse): void {
  response.writeHead(503, { 'Retry-After': retryAfter, 'Content-Type': 'text/plain' })
  response.end('Service Unavailable\n')
}
