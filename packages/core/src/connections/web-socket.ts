import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** The members that a WebSocket of `ws` has in every version. */
export interface WebSocketLike extends EventEmitter {
  /** As in `ws`: 1 while the WebSocket is open. */
  readonly readyState: number
  /** Bytes that were sent and not yet handed to the network. */
  readonly bufferedAmount: number
  /** The subprotocol that the server chose; empty for none. */
  readonly protocol: string
  /** Sends a message. */
  send(data: unknown, ...rest: never[]): void
  /** Sends a ping. */
  ping(...args: never[]): void
  /** Sends a pong. */
  pong(...args: never[]): void
  /** Begins the closing handshake. */
  close(code?: number, reason?: string | Uint8Array): void
  /** Closes the connection at once. */
  terminate(): void
}

/** The members that a `WebSocketServer` of `ws` has in every version. */
export interface WebSocketServerLike<Client extends WebSocketLike = WebSocketLike> extends EventEmitter {
  /** Undefined or null with `clientTracking: false`. */
  readonly clients?: Set<Client> | null
  /** The options of the server. */
  readonly options: { readonly path?: string | null | undefined }
  /** Answers an upgrade request. */
  handleUpgrade(
    request: IncomingMessage,
    socket: never,
    head: never,
    // Not the client's type: the callback's parameter has to fit every class of WebSockets.
    callback: (webSocket: unknown, request: unknown) => void,
  ): void
}

/** `readyState` of a WebSocket that sends and receives. */
const open = 1

/** The WebSocket of `ws` on a socket: every version since 3 stores it there, under a symbol of this name. */
export function webSocketOn(socket: Duplex): WebSocketLike | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'websocket')
  const webSocket: unknown = symbol === undefined ? undefined : Reflect.get(socket, symbol)
  const known = typeof (webSocket as Partial<WebSocketLike> | undefined)?.close === 'function'
  return known ? (webSocket as WebSocketLike) : undefined
}

export function isOpen(webSocket: WebSocketLike): boolean {
  return webSocket.readyState === open
}
