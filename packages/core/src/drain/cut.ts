import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { currentResponse, hasUnflushed, unreadRequest } from '../connections/exchange.ts'
import { isUsed } from '../connections/mark-as-used.ts'
import { targetOf } from '../connections/upgrades.ts'
import type { Attempts } from '../errors/attempts.ts'
import type { System } from '../system/system.ts'
import { closeGently, isClosing } from './close-gently.ts'
import { endResponses, endStreams } from './end-stream.ts'
import type { ConnectionState, CutConnection } from '../events/drain-report.ts'
import { bySession } from './streams-by-session.ts'

/** CANCEL of RFC 9113. */
const cancel = 8

/** The times from which the report computes ages. */
export interface Times {
  readonly now: number
  /** When a request began, if that is known. */
  readonly began: (request: IncomingMessage) => number
}

/** The open requests of an HTTP/1 connection. Outside a drain, only the first one is known. */
export type RequestsOn = (socket: Socket) => readonly IncomingMessage[]

const current: RequestsOn = (socket) => {
  const response = currentResponse(socket)
  return response === undefined ? [] : [response.req]
}

/**
 * Describes everything in flight on a server's connections. Idle connections are left out: ending them cuts
 * nothing.
 */
export function describeCut(
  connections: Connections,
  times: Times,
  requestsOn: RequestsOn = current,
): CutConnection[] {
  const { sessions, sockets, streams, upgraded } = connections
  const idle = connections.idle()
  const open = bySession(streams.keys())
  return [...sockets.keys()].flatMap((socket): CutConnection[] => {
    const session = sessions.on(socket)
    if (session !== undefined && !session.destroyed)
      return (open.get(session) ?? []).map((stream) => describeStream(connections, stream, socket, times))
    // A response that has ended may not have reached its client.
    if (session !== undefined) return hasUnflushed(socket) ? [describeHttp1(connections, socket, times)] : []
    // Its last response was complete before that.
    if (isClosing(socket)) return []
    // Since Node 26, the body of an upgrade request may still be outstanding. That is not an upload that was
    // answered early.
    if (upgraded.has(socket)) return [describeHttp1(connections, socket, times)]
    const requests = requestsOn(socket)
    if (requests.length > 0)
      return requests.map((request) => describeHttp1(connections, socket, times, request))
    // The client of a request that was answered early has its response, although it is still sending.
    if (idle.has(socket) || !isUsed(socket) || unreadRequest(socket) !== undefined) return []
    return [describeHttp1(connections, socket, times)]
  })
}

/** How to end the connections that are left. */
export interface CutOptions {
  /** Connections that are left alone. */
  readonly spared: ReadonlySet<Socket>
  /** Milliseconds over which the clients of event streams are asked to come back. */
  readonly spread: number
  readonly attempts: Attempts
}

/**
 * Ends everything that is left. Event streams, and responses whose `draining` signal the application has
 * used, get a proper end of their body. Every other response is cut so that its client can tell that it is
 * incomplete.
 */
export function cut(
  connections: Connections,
  system: System,
  isWatched: (exchange: IncomingMessage | ServerHttp2Stream) => boolean,
  { spared, spread, attempts }: CutOptions,
): void {
  const streams = [...connections.streams.keys()]
  for (const stream of endStreams(streams, isWatched, { spread, attempts }))
    attempts.run('cutting a stream', () => stream.close(cancel))
  const sessions = new Set([...connections.sessions].filter(({ destroyed }) => !destroyed))
  for (const session of sessions) attempts.run('closing a session', () => session.close())
  const hasSession = (socket: Socket): boolean => {
    const session = connections.sessions.on(socket)
    return session !== undefined && sessions.has(session)
  }
  const sockets = [...connections.sockets.keys()].filter((socket) => !spared.has(socket))
  const responses = sockets.flatMap((socket) => currentResponse(socket) ?? [])
  const broken = endResponses(responses, isWatched, { spread, attempts })
  for (const socket of sockets) {
    const response = currentResponse(socket)
    if (response !== undefined && !broken.has(response)) continue
    attempts.run('cutting a connection', () => {
      if (connections.upgraded.has(socket)) endUpgraded(connections, socket)
      else if (unreadRequest(socket) !== undefined) closeGently(socket, system)
      else if (!hasSession(socket)) socket.destroy()
    })
  }
  for (const socket of connections.handshaking()) attempts.run('cutting a handshake', () => socket.destroy())
}

/**
 * Sends the FIN of an upgraded connection, between two frames if their boundaries are known. If its
 * application writes after that, the error must not become an uncaught exception.
 */
function endUpgraded({ upgraded }: Connections, socket: Socket): void {
  const { stream = socket, frames } = upgraded.get(socket) ?? {}
  for (const each of new Set([stream, socket])) each.on('error', () => {})
  if (frames?.position === 'within') frames.onBetween(() => stream.end())
  else stream.end()
}

/**
 * @param request an open request of the connection; undefined if its head is being read, or after an upgrade
 */
export function describeHttp1(
  connections: Connections,
  socket: Socket,
  times: Times,
  request?: IncomingMessage,
): CutConnection {
  const where = origin(connections, socket, times)
  const named = (state: ConnectionState, { method, url }: IncomingMessage, began: number): CutConnection => {
    const age = Math.round(times.now - began)
    return { state, ...(method && { method }), ...(url && { url }), age, ...where }
  }
  const upgraded = connections.upgraded.get(socket)
  if (upgraded !== undefined)
    return { state: 'upgraded', ...targetOf(upgraded), age: Math.round(times.now - upgraded.at), ...where }
  if (connections.http === undefined && !connections.http2) return { state: 'raw', ...where }
  if (request === undefined)
    return { state: connections.sessions.on(socket)?.destroyed === true ? 'responding' : 'reading', ...where }
  const response = currentResponse(socket)
  const responding = response?.req === request && response.headersSent
  const state = responding ? 'responding' : request.complete ? 'handling' : 'receiving'
  return named(state, request, times.began(request))
}

/**
 * Describes an idle connection that was on its way to a successor: its next request may have been waiting
 * unread.
 */
export function describeMoving(connections: Connections, socket: Socket, times: Times): CutConnection {
  return { state: 'moving', ...origin(connections, socket, times) }
}

function origin(
  connections: Connections,
  socket: Socket | undefined,
  { now }: Times,
): Omit<CutConnection, 'state'> {
  if (socket === undefined) return {}
  const { remoteAddress, remotePort } = socket
  const opened = connections.sockets.get(socket)
  return {
    ...(opened !== undefined && { connectedFor: Math.round(now - opened) }),
    ...(remoteAddress && { remoteAddress }),
    ...(remotePort && { remotePort }),
  }
}

export function describeStream(
  connections: Connections,
  stream: ServerHttp2Stream,
  socket: Socket | undefined,
  times: Times,
): CutConnection {
  // Not `readableEnded`: that waits for a reader, and a request without a body often has none.
  const received = stream.state.remoteClose === 1
  const state = stream.headersSent ? 'responding' : received ? 'handling' : 'receiving'
  const { ':method': method, ':path': url } = connections.streams.get(stream) ?? {}
  return { state, ...(method && { method }), ...(url && { url }), ...origin(connections, socket, times) }
}
