import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { WebSocketLike, WebSocketServerLike } from '../../connections/web-socket.ts'
import { keepWindow } from '../../connections/ws-deflate.ts'
import { shadow } from '../../system/shadow.ts'
import {
  type AnyWebSocketsOptions,
  checkStreams,
  checkWebSockets,
  type StreamsOptions,
  type WebSocketsOptions,
} from './options.ts'
import { WatchedStreams } from './watched-streams.ts'

/** A WebSocket server whose connections may move. */
export interface Registration {
  readonly server: WebSocketServerLike
  readonly name: string
  readonly options: AnyWebSocketsOptions
}

/** The live connections that a process can take over. */
export interface Takes {
  /** The names of its WebSocket servers. */
  readonly webSockets: readonly string[]
  readonly streams: boolean
}

/**
 * Moves WebSockets and event streams to the successor at a restart. They move only if both the old version
 * and the new one register them here.
 */
export class Handover {
  readonly #registrations: Registration[] = []
  readonly #streamOptions = new Map<Server | undefined, StreamsOptions>()
  readonly #watched = new WatchedStreams()
  readonly #restored = new WeakMap<object, unknown>()
  readonly #windows = new WeakMap<Socket, Buffer>()
  readonly #keepsWindows = new WeakSet<WebSocketServerLike>()
  readonly #onChange: (takes: Takes) => void

  /** @param onChange called when this process can take over more than before */
  constructor(onChange: (takes: Takes) => void) {
    this.#onChange = onChange
  }

  /**
   * Lets the open WebSockets of a `WebSocketServer` of `ws` move to the successor at a restart, without
   * their clients noticing. The successor's handlers see the original request again, and `restored()`
   * returns what `save` returned. Without this call, a restart closes WebSockets with 1012. Works with `ws`
   * 7 and 8. A second call for the same server, or with the same option `name`, replaces the first.
   *
   * A message that has arrived only in part moves too. If the old process sends on a WebSocket that has
   * moved, for example the response of an asynchronous handler, the successor sends it to the client.
   * @throws `ERR_ZERODROP_WEBSOCKETS_INVALID`, `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   * @example
   * ```ts
   * lifecycle.handover.websockets(wss, { save: (ws) => sessions.get(ws) })
   * wss.on('connection', (ws, request) => {
   *   sessions.set(ws, lifecycle.handover.restored(ws) ?? greet(ws, request))
   * })
   * ```
   */
  websockets<State, Client extends WebSocketLike>(
    server: WebSocketServerLike<Client>,
    options: WebSocketsOptions<State, Client> = {},
  ): void {
    checkWebSockets(server, options)
    const known = options as AnyWebSocketsOptions
    const name = known.name ?? server.options.path ?? '*'
    const others = this.#registrations.filter(
      (each) => each.server !== server && (known.name === undefined || each.name !== name),
    )
    if (known.keepWindow === true && !this.#keepsWindows.has(server)) this.#keepWindows(server)
    this.#registrations.splice(0, Infinity, ...others, { server, name, options: known })
    this.#onChange(this.takes)
  }

  /**
   * Lets event streams (`text/event-stream` over HTTP/1) move to the successor at a restart. The successor
   * handles their original request again, with `Last-Event-ID` as after a reconnect, and the client sees one
   * stream. Only responses to GET requests without a body move, and only those that begin after this call.
   * @param server the server whose streams may move; without it, the streams of all servers
   * @throws `ERR_ZERODROP_SERVER_INVALID`, `ERR_ZERODROP_OPTION_INVALID`, `ERR_ZERODROP_OPTION_UNKNOWN`
   * @example
   * ```ts
   * lifecycle.handover.streams(server)
   * ```
   */
  streams<State>(server?: Server, options: StreamsOptions<State> = {}): void {
    checkStreams(server, options)
    if (this.#streamOptions.size === 0) this.#watched.start((each) => this.streamsOf(each) !== undefined)
    this.#streamOptions.set(server, options)
    this.#onChange(this.takes)
  }

  /**
   * Returns what `save` returned for the connection of this request in the predecessor; undefined for a new
   * client.
   * @param request the request that a handler gets from Node, Express or Fastify (or its `raw`), or the
   * context of Koa
   */
  restored<State>(request: object): State | undefined {
    const { raw, req } = request as { raw?: object; req?: object }
    return this.#restored.get(raw ?? req ?? request) as State | undefined
  }

  /** For zerodrop itself: the connections that this process can take over. */
  get takes(): Takes {
    return {
      webSockets: this.#registrations.map(({ name }) => name),
      streams: this.#streamOptions.size > 0,
    }
  }

  /** The server that a WebSocket belongs to. */
  registrationOf(webSocket: WebSocketLike): Registration | undefined {
    const tracked = this.#registrations.find(({ server }) => server.clients?.has(webSocket) === true)
    if (tracked !== undefined) return tracked
    const untracked = this.#registrations.filter(({ server }) => !server.clients)
    return untracked.length === 1 ? untracked[0] : undefined
  }

  /** For zerodrop itself: the options for the streams of a server. */
  streamsOf(server: Server): StreamsOptions | undefined {
    return this.#streamOptions.get(server) ?? this.#streamOptions.get(undefined)
  }

  /** For zerodrop itself: the streams that may move. */
  get watched(): WatchedStreams {
    return this.#watched
  }

  /** Stores the state for a request that the predecessor received and this process handles again. */
  restore(request: IncomingMessage, state: unknown): void {
    this.#restored.set(request, state)
  }

  /** Stores the compression window of the client of a WebSocket that is about to be accepted. */
  restoreWindow(socket: Socket, window: Buffer): void {
    this.#windows.set(socket, window)
  }

  #keepWindows(server: WebSocketServerLike): void {
    this.#keepsWindows.add(server)
    const windows = this.#windows
    shadow(
      server,
      'handleUpgrade',
      (handleUpgrade) =>
        function (this: unknown, request, socket, head, callback) {
          const onUpgraded = (webSocket: WebSocketLike, ...rest: unknown[]): void => {
            keepWindow(webSocket, windows.get(socket as Socket))
            Reflect.apply(callback as (...args: unknown[]) => void, undefined, [webSocket, ...rest])
          }
          Reflect.apply(handleUpgrade, this, [request, socket, head, onUpgraded])
        } as WebSocketServerLike['handleUpgrade'],
    )
  }
}
