import type { IncomingMessage } from 'node:http'
import { serialize } from 'node:v8'
import { lifecycle, type WebSocketsOptions, ZerodropError } from '@zerodrop/core'
import type { Socket } from 'socket.io'
import { Arrivals, type MovedState } from './arrivals.ts'
import {
  type EngineSocket,
  type Internals,
  type NamespaceSocket,
  onWebSocketServer,
  recovers,
  understands,
  type WebSocket,
} from './internals.ts'
import { Sessions } from './sessions.ts'

/** A `Server` of socket.io that is attached to an HTTP server. */
export interface MovableSocketIoServer {
  readonly engine: object
}

export interface MoveSocketIoOptions {
  /** Called for each socket that leaves: stop its timers here. The socket emits no `'disconnect'` in the old process. */
  leave?(socket: Socket): void
  /** Called if the successor did not take a socket after `leave`: the socket stays for now, so start its timers again. */
  stay?(socket: Socket): void
}

/** The state to restore if a client stays in this process after all. */
interface Left {
  readonly engineSocket: EngineSocket
  readonly sockets: readonly { readonly socket: NamespaceSocket; readonly rooms: Set<string> }[]
}

/** The name by which the successor recognizes the WebSockets of a server. It differs for each path. */
const nameOf = (io: object): string => `socket.io ${(io as { path?: () => string }).path?.() ?? ''}`.trimEnd()

/**
 * Moves socket.io clients that use a WebSocket to the successor at a restart, without a reconnect. Needs the option
 * `connectionStateRecovery`. For each socket, the successor emits 'connection' with `socket.recovered` set to true and the
 * same id, rooms and data. Call it in every version, as soon as the server is attached and before it listens.
 *
 * A client moves when it owes no acknowledgement and no message is in transit. If the client itself waits for an
 * acknowledgement, it still receives a late one. Polling clients do not move: see `drainSocketIo()`.
 * @throws `ERR_ZERODROP_OPTION_INVALID` if the server is not attached, has an unsupported version, or lacks
 *   the option `connectionStateRecovery`
 */
export function moveSocketIo(io: MovableSocketIoServer, options: MoveSocketIoOptions = {}): void {
  if (!understands(io))
    throw invalid(
      'takes a Server of socket.io 4.6 or later that is attached to an HTTP server: call it behind `new Server(httpServer)` or `io.attach(httpServer)`.',
    )
  if (!recovers(io))
    throw invalid(
      'needs a Server with the option `connectionStateRecovery: {}`: only then can a socket go on with its id.',
    )
  if (known.has(io.engine)) return
  known.add(io.engine)
  const internals = io as unknown as Internals
  const arrivals = new Arrivals(internals, (request: IncomingMessage) => lifecycle.handover.restored(request))
  const sessions = new Sessions(internals, (namespace) => arrivals.addNamespace(namespace))
  const left = new WeakMap<WebSocket, Left>()
  const handover: WebSocketsOptions<MovedState, WebSocket> = {
    name: nameOf(io),
    isAtRest: (webSocket: WebSocket) => sessions.isAtRest(webSocket),
    save: (webSocket: WebSocket): MovedState => {
      const engineSocket = sessions.engineSocketOf(webSocket)
      if (engineSocket === undefined) throw new Error('This WebSocket belongs to no client of socket.io.')
      const sockets = sessions.socketsOf(engineSocket)
      const state = stateOf(engineSocket, sockets)
      // Throws if a socket's data cannot be copied, before any socket has left.
      serialize(state)
      for (const socket of sockets) options.leave?.(socket as unknown as Socket)
      left.set(webSocket, takeOff(internals, engineSocket, sockets))
      return state
    },
    stay: (webSocket: WebSocket) => {
      const had = left.get(webSocket)
      if (had === undefined) return
      left.delete(webSocket)
      putBack(internals, had)
      for (const { socket } of had.sockets) options.stay?.(socket as unknown as Socket)
    },
  }
  onWebSocketServer(internals.engine, (server) => {
    arrivals.addServer(server)
    lifecycle.handover.websockets(server as never, handover)
  })
}

const known = new WeakSet<object>()

function stateOf({ id }: EngineSocket, sockets: readonly NamespaceSocket[]): MovedState {
  return {
    version: 1,
    sid: id,
    sockets: sockets.map((socket) => ({
      namespace: socket.nsp.name,
      auth: socket.handshake.auth,
      session: {
        sid: socket.id,
        pid: socket.pid ?? '',
        rooms: [...socket.rooms],
        data: socket.data,
        missedPackets: [],
      },
    })),
  }
}

/** Removes a client from this process's lists, so that broadcasts, pings and `io.close()` here no longer reach it. */
function takeOff(
  { engine }: Internals,
  engineSocket: EngineSocket,
  sockets: readonly NamespaceSocket[],
): Left {
  delete engine.clients[engineSocket.id]
  engine.clientsCount--
  clearTimeout(engineSocket.pingIntervalTimer ?? undefined)
  clearTimeout(engineSocket.pingTimeoutTimer ?? undefined)
  return {
    engineSocket,
    sockets: sockets.map((socket) => {
      const rooms = new Set(socket.rooms)
      socket.nsp.adapter.delAll(socket.id)
      socket.nsp.sockets.delete(socket.id)
      return { socket, rooms }
    }),
  }
}

function putBack({ engine }: Internals, { engineSocket, sockets }: Left): void {
  if (engineSocket.readyState !== 'open') return
  engine.clients[engineSocket.id] = engineSocket
  engine.clientsCount++
  engineSocket.schedulePing()
  for (const { socket, rooms } of sockets) {
    socket.nsp.sockets.set(socket.id, socket)
    socket.nsp.adapter.addAll(socket.id, rooms)
  }
}

function invalid(what: string): ZerodropError {
  return new ZerodropError('ERR_ZERODROP_OPTION_INVALID', `moveSocketIo() ${what}`)
}
