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

/** What is needed to tell ages. */
export interface Times {
  readonly now: number
  /** When a request began, as far as is known. */
  readonly began: (request: IncomingMessage) => number
}

/** The requests that are open on a connection of HTTP/1; without a drain only the first of them is known. */
export type RequestsOn = (socket: Socket) => readonly IncomingMessage[]

const current: RequestsOn = (socket) => {
  const response = currentResponse(socket)
  return response === undefined ? [] : [response.req]
}

/** Names everything that is under way on a server's connections. What is idle is not: ending it cuts nothing. */
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
    // What has ended may not have reached its client.
    if (session !== undefined) return hasUnflushed(socket) ? [describeHttp1(connections, socket, times)] : []
    // Its last response was whole before that.
    if (isClosing(socket)) return []
    // From Node 26 on the body of an upgrade request may still be outstanding: that is no upload that was answered early.
    if (upgraded.has(socket)) return [describeHttp1(connections, socket, times)]
    const requests = requestsOn(socket)
    if (requests.length > 0)
      return requests.map((request) => describeHttp1(connections, socket, times, request))
    // The client of a request that was answered early has its answer, although it is still sending.
    if (idle.has(socket) || !isUsed(socket) || unreadRequest(socket) !== undefined) return []
    return [describeHttp1(connections, socket, times)]
  })
}

/** How what is left is ended. */
export interface CutOptions {
  /** Connections that are left alone. */
  readonly spared: ReadonlySet<Socket>
  /** Milliseconds over which the clients of event streams are asked to come back. */
  readonly spread: number
  readonly attempts: Attempts
}

/**
 * Ends everything that is left. A stream of events, and any stream whose application has asked to be told of the
 * drain, gets a correct end of its body; anything else is cut such that its client can tell that it is not whole.
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
 * Sends the FIN of a connection that left HTTP, if it can be known between two frames. What its application still writes
 * behind it must not be an uncaught error.
 */
function endUpgraded({ upgraded }: Connections, socket: Socket): void {
  const { stream = socket, frames } = upgraded.get(socket) ?? {}
  for (const each of new Set([stream, socket])) each.on('error', () => {})
  if (frames?.position === 'within') frames.onBetween(() => stream.end())
  else stream.end()
}

/** @param request one that is open on it; without one its head is being read, or it speaks another protocol */
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

/** An idle connection that was on its way to a successor: its next request may have been waiting unread. */
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
  // Not `readableEnded`: that waits for a reader, which a request without a body often has not got.
  const received = stream.state.remoteClose === 1
  const state = stream.headersSent ? 'responding' : received ? 'handling' : 'receiving'
  const { ':method': method, ':path': url } = connections.streams.get(stream) ?? {}
  return { state, ...(method && { method }), ...(url && { url }), ...origin(connections, socket, times) }
}
