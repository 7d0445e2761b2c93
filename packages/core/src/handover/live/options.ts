import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { WebSocketLike } from '../../connections/web-socket.ts'

/** The request by which a WebSocket was opened. */
export interface OpeningRequest {
  readonly method: string
  /** As the client sent it. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

export interface WebSocketsOptions<State = unknown> {
  /**
   * Returns what the successor is to know of a WebSocket: whatever the structured clone algorithm copies, at most
   * 64 KiB. Called when the connection leaves, so this is where its timers stop and where it is taken out of rooms. If it
   * throws, the WebSocket stays and is closed with 1012.
   * @default a function that returns true
   */
  readonly save?: (webSocket: never, request: OpeningRequest) => State
  /** Called if the successor did not take a WebSocket after `save`: it goes on here for now. */
  readonly stay?: (webSocket: never, state: State) => void
  /**
   * By which name the successor finds its own server for these WebSockets.
   * @default the option `path` of the server, or '*'
   */
  readonly name?: string
  /**
   * Keeps the last 32 KiB that each client has sent compressed, so that clients whose compression refers back to earlier
   * messages (context takeover) can move as well. Without it they are closed with 1012.
   * @default false
   */
  readonly keepWindow?: boolean
}

export interface StreamsOptions<State = unknown> {
  /** Whether an event stream may move. @default all may */
  readonly match?: (response: ServerResponse) => boolean
  /** As for WebSockets. Most handlers need none, because the successor's handler gets `Last-Event-ID`. */
  readonly save?: (response: ServerResponse) => State
}

/** The options as they are used: `State` is the application's own. */
export interface AnyWebSocketsOptions {
  readonly save?: (webSocket: WebSocketLike, request: OpeningRequest) => unknown
  readonly stay?: (webSocket: WebSocketLike, state: unknown) => void
  readonly name?: string
  readonly keepWindow?: boolean
}
