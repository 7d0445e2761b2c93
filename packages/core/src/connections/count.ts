import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Connections } from './connections.ts'
import { currentResponse } from './exchange.ts'
import { listActivity } from './list.ts'
import { isUsed } from './mark-as-used.ts'

/** How many connections are in which state, and how many requests are in flight. */
export interface ConnectionCounts {
  /** Has never carried a request. */
  readonly unused: number
  /** Between two requests. */
  readonly idle: number
  /** The head of a request is arriving. */
  readonly reading: number
  /** The body of a request is arriving. */
  readonly receiving: number
  /** The request is complete, and no part of the response has been sent. */
  readonly handling: number
  /** The head of the response has been sent; its end has not been sent or has not reached the client. */
  readonly responding: number
  /** A WebSocket, or another protocol after an upgrade. */
  readonly upgraded: number
  /** A connection of a server that does not speak HTTP. */
  readonly raw: number
  /** An HTTP/2 session, in any state of its streams. */
  readonly http2: number
  /** The TLS handshake is not complete. */
  readonly handshaking: number
  /** Ended by a drain; the client has not closed its side yet. */
  readonly closing: number
  /** Requests in flight, over HTTP/1 (one per connection) and HTTP/2. */
  readonly requests: number
}

type Counts = { -readonly [State in keyof ConnectionCounts]: number }

export const noConnections: ConnectionCounts = {
  unused: 0,
  idle: 0,
  reading: 0,
  receiving: 0,
  handling: 0,
  responding: 0,
  upgraded: 0,
  raw: 0,
  http2: 0,
  handshaking: 0,
  closing: 0,
  requests: 0,
}

/**
 * Counts the connections of one server. It reads Node's own lists, so it costs nothing until it is called.
 * @param isClosing whether a connection has been ended, and only the client's side is still open
 */
export function countConnections(
  connections: Connections,
  isClosing: (socket: Socket) => boolean,
): ConnectionCounts {
  const { http, sessions, streams, upgraded } = connections
  const counts: Counts = { ...noConnections }
  const add = (state: keyof Counts, socket: Socket): void => {
    counts[isClosing(socket) ? 'closing' : state]++
  }
  for (const socket of upgraded.keys()) add('upgraded', socket)
  if (http === undefined) countOthers(connections, add)
  else countHttp1(connections, listActivity(http), add)
  for (const session of sessions) counts[session.destroyed ? 'closing' : 'http2']++
  counts.handshaking = connections.handshaking().length
  counts.requests = counts.receiving + counts.handling + counts.responding + streams.size
  return counts
}

export function addCounts(one: ConnectionCounts, other: ConnectionCounts): ConnectionCounts {
  const sum: Counts = { ...one }
  for (const state of Object.keys(sum) as (keyof Counts)[]) sum[state] += other[state]
  return sum
}

type Add = (state: keyof Counts, socket: Socket) => void

function countOthers({ http2, sockets }: Connections, add: Add): void {
  // On an HTTP/2 server, each connection is a session.
  if (!http2) for (const socket of sockets.keys()) add('raw', socket)
}

function countHttp1(connections: Connections, activity: ReturnType<typeof listActivity>, add: Add): void {
  if (activity !== undefined) {
    for (const { socket } of activity.quiet) if (socket !== null) add(stateOf(socket, true), socket)
    for (const { socket } of activity.active) if (socket !== null) add(stateOf(socket, false), socket)
    return
  }
  const idle = connections.idle()
  for (const socket of connections.sockets.keys()) {
    if (connections.upgraded.has(socket) || speaksHttp2(socket)) continue
    add(stateOf(socket, idle.has(socket)), socket)
  }
}

/** @param quiet whether Node's parser is between two messages */
function stateOf(socket: Socket, quiet: boolean): keyof Counts {
  const response = currentResponse(socket)
  if (response !== undefined) {
    if (response.headersSent) return 'responding'
    return response.req.complete || !hasBody(response.req) ? 'handling' : 'receiving'
  }
  if (quiet) return 'idle'
  return isUsed(socket) ? 'reading' : 'unused'
}

/**
 * Whether a request announces a body. A request without one is complete only after the tick in which the
 * application sees it.
 */
function hasBody({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0
}

/** Whether TLS has negotiated HTTP/2: then the connection counts as a session. */
function speaksHttp2(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).alpnProtocol === 'h2'
}
