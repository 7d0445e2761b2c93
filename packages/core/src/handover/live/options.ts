import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { Server } from 'node:net'
import type { WebSocketLike, WebSocketServerLike } from '../../connections/web-socket.ts'
import { ZerodropError } from '../../errors/zerodrop-error.ts'
import { checkBoolean, checkObject, invalid, unknown } from '../../options/option-checks.ts'

/** The request by which a WebSocket was opened. */
export interface OpeningRequest {
  /** The method of the request. */
  readonly method: string
  /** The URL as the client sent it. */
  readonly url: string
  /** The header fields, by their names in lower case. */
  readonly headers: IncomingHttpHeaders
}

/** The options of `handover.websockets()`. */
export interface WebSocketsOptions<State = unknown, Client = never> {
  /**
   * Returns what the successor needs to know about a WebSocket: anything that the structured clone
   * algorithm copies, at most 64 KiB. Called when the connection leaves, so stop its timers here and remove
   * it from rooms. Must be synchronous. If it throws, the WebSocket stays and is closed with 1012.
   * @default a function that returns true
   */
  save?(webSocket: Client, request: OpeningRequest): State
  /**
   * Called if the successor did not take a WebSocket after `save`, or if its state cannot be sent. It stays
   * here for now.
   */
  stay?(webSocket: Client, state: State): void
  /**
   * Returns whether a WebSocket may leave now, for protocols with exchanges that the successor could not
   * finish. zerodrop calls it before `save`, up to 50 times a second, until it returns true.
   * @default a function that returns true
   */
  isAtRest?(webSocket: Client): boolean
  /**
   * Identifies the server for these WebSockets in the successor.
   * @default the option `path` of the server, or '*'
   */
  readonly name?: string
  /**
   * Keeps the last 32 KiB of compressed data that each client sent, so that clients whose compression
   * refers to earlier messages (context takeover) can move as well. Without it they are closed with 1012.
   * @default false
   */
  readonly keepWindow?: boolean
}

/** The options of `handover.streams()`. */
export interface StreamsOptions<State = unknown> {
  /** Returns whether an event stream may move. @default all may move */
  readonly match?: (response: ServerResponse) => boolean
  /** As for WebSockets. Most handlers need none, because the successor's handler gets `Last-Event-ID`. */
  readonly save?: (response: ServerResponse) => State
}

/** The options in the form in which they are used; `State` is the application's type. */
export interface AnyWebSocketsOptions {
  readonly save?: (webSocket: WebSocketLike, request: OpeningRequest) => unknown
  readonly stay?: (webSocket: WebSocketLike, state: unknown) => void
  readonly isAtRest?: (webSocket: WebSocketLike) => boolean
  readonly name?: string
  readonly keepWindow?: boolean
}

const webSocketOptions = {
  save: checkFunction,
  stay: checkFunction,
  isAtRest: checkFunction,
  name: checkText,
  keepWindow: checkBoolean,
}
const streamOptions = { match: checkFunction, save: checkFunction }

/** @throws `ERR_ZERODROP_WEBSOCKETS_INVALID`, `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN` */
export function checkWebSockets(server: WebSocketServerLike, options: object): void {
  const { options: own, handleUpgrade } = (server ?? {}) as Partial<WebSocketServerLike>
  if (typeof handleUpgrade !== 'function' || typeof own !== 'object')
    throw new ZerodropError(
      'ERR_ZERODROP_WEBSOCKETS_INVALID',
      'handover.websockets() takes a WebSocketServer of the package ws. With @fastify/websocket that is app.websocketServer, with express-ws getWss(), with koa-websocket app.ws.server.',
    )
  check(options, webSocketOptions, 'handover.websockets()')
}

/** @throws `ERR_ZERODROP_SERVER_INVALID`, `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN` */
export function checkStreams(server: unknown, options: object): void {
  if (server !== undefined && !(server instanceof Server))
    throw new ZerodropError(
      'ERR_ZERODROP_SERVER_INVALID',
      'handover.streams() takes a server of node:http, or undefined for all servers, and then options.',
    )
  check(options, streamOptions, 'handover.streams()')
}

function check(
  options: object,
  checks: Readonly<Record<string, (name: string, value: unknown) => void>>,
  of: string,
): void {
  checkObject(options, `options of ${of}`)
  for (const [name, value] of Object.entries(options)) {
    const own = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (own === undefined) throw unknown(name, Object.keys(checks), of)
    if (value !== undefined) own(name, value)
  }
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalid(name, 'a function', value)
}

function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw invalid(name, 'a string', value)
}
