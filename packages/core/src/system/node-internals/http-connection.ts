import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'

/** The names are unchanged since Node 0.10. */
interface HttpSocket {
  readonly _httpMessage?: ServerResponse | null
  readonly _paused?: boolean
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null
}

/** The response that is being written to a connection, or the next one. */
export function responseOn(socket: Socket): ServerResponse | undefined {
  return (socket as HttpSocket)._httpMessage ?? undefined
}

/**
 * The last request that Node's parser has read on a connection: null once its body was read to its end, and
 * undefined if there is no parser.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (clearIncoming)
 */
export function requestOn(socket: Socket): IncomingMessage | null | undefined {
  return (socket as HttpSocket).parser?.incoming
}

/**
 * Whether Node discards a request's body, because its response was finished before the body was read.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_incoming.js (_dump)
 */
export function isThrownAway(request: IncomingMessage): boolean | undefined {
  return (request as { _dumped?: boolean })._dumped
}

/** Whether Node has stopped reading from a client that pipelines faster than it is answered. */
export function isHeldBack(socket: Socket): boolean {
  return (socket as HttpSocket)._paused === true
}

/** The socket to which Node's HTTP/1 parser is attached. */
export interface Parser {
  readonly socket: Socket | null
}

/** Node's list of the connections of an http server. */
export interface ConnectionsList {
  all(): Parser[]
  /** The parsers that have read a message to its end and have not begun another. */
  idle(): Parser[]
  /**
   * The parsers that have begun a message, or have never read one; since Node 26 the latter are in both
   * lists.
   */
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
 * Creates the list of connections of an http server that does not listen, as Node does at 'listening'.
 * Earlier connections are not in the list.
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
 * Stops the interval with which an http server looks for slow connections. `http.Server.close()` does that,
 * but also closes connections; `net.Server.close()` does not, and the interval prevents garbage collection
 * of the server.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (httpServerPreClose)
 */
export function stopConnectionsChecking(server: Server): void {
  const key = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connectionsCheckingInterval',
  )
  if (key !== undefined) clearInterval(Reflect.get(server, key) as NodeJS.Timeout | undefined)
}
