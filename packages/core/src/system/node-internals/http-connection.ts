import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'

/** The names are unchanged since Node 0.10. */
interface HttpSocket {
  readonly _httpMessage?: ServerResponse | null
  readonly _paused?: boolean
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null
}

/** The response that is being written on a connection, or will be next. */
export function responseOn(socket: Socket): ServerResponse | undefined {
  return (socket as HttpSocket)._httpMessage ?? undefined
}

/**
 * The request that Node's parser has read last on a connection: null once its body has been read to its end, and
 * undefined where there is no parser.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (clearIncoming)
 */
export function requestOn(socket: Socket): IncomingMessage | null | undefined {
  return (socket as HttpSocket).parser?.incoming
}

/**
 * Whether Node throws a request's body away, because its response was finished before anybody began to read it.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_incoming.js (_dump)
 */
export function isThrownAway(request: IncomingMessage): boolean | undefined {
  return (request as { _dumped?: boolean })._dumped
}

/** Whether Node has stopped reading from a client that pipelines faster than it is answered. */
export function isHeldBack(socket: Socket): boolean {
  return (socket as HttpSocket)._paused === true
}

/** What Node's HTTP/1 parser is attached to. */
export interface Parser {
  readonly socket: Socket | null
}

/** Node's list of what its parsers read on an http server. */
export interface ConnectionsList {
  all(): Parser[]
  /** Those that have read a message to its end and have not begun another. */
  idle(): Parser[]
  /** Those of which a message has begun, or none ever came; from Node 26 on the latter are in both lists. */
  active(): Parser[]
}

/**
 * The list of connections of an http server, under a symbol of this description since Node 18.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (kConnections)
 */
export function connectionsListOf(server: object): Partial<ConnectionsList> | undefined {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  return symbol && (Reflect.get(server, symbol) as Partial<ConnectionsList> | undefined)
}

/**
 * Makes the list of connections of an http server that does not listen, as Node does at 'listening'. Connections that it
 * was given before are not in there.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (setupConnectionsTracking)
 * @returns undefined if Node does that elsewhere
 */
export function trackConnections(server: Server): true | undefined {
  const track = server.rawListeners('listening').find(({ name }) => name === 'setupConnectionsTracking')
  if (track === undefined) return undefined
  Reflect.apply(track, server, [])
  return true
}

/**
 * Ends the interval in which an http server looks for connections that are too slow. `http.Server.close()` does that, but
 * also closes connections; `net.Server.close()` does not, and the interval keeps the server from being collected.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (httpServerPreClose)
 */
export function stopConnectionsChecking(server: Server): void {
  const key = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connectionsCheckingInterval',
  )
  if (key !== undefined) clearInterval(Reflect.get(server, key) as NodeJS.Timeout | undefined)
}
