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

/** A server of WebSockets whose connections may move. */
export interface Registration {
  readonly server: WebSocketServerLike
  readonly name: string
  readonly options: AnyWebSocketsOptions
}

/** What the successor can take over in the middle of what it does. */
export interface Takes {
  /** The names of its servers of WebSockets. */
  readonly webSockets: readonly string[]
  readonly streams: boolean
}

/**
 * What moves to the successor at a restart beyond idle connections: WebSockets and event streams. Nothing does unless it is
 * asked for here, in the old version and in the new one.
 */
export class Handover {
  readonly #registrations: Registration[] = []
  readonly #streamOptions = new Map<Server | undefined, StreamsOptions>()
  readonly #watched = new WatchedStreams()
  readonly #restored = new WeakMap<object, unknown>()
  readonly #windows = new WeakMap<Socket, Buffer>()
  readonly #keepsWindows = new WeakSet<WebSocketServerLike>()
  readonly #onChange: (takes: Takes) => void

  /** @param onChange called when the successor of another process can take more than before */
  constructor(onChange: (takes: Takes) => void) {
    this.#onChange = onChange
  }

  /**
   * Lets the open WebSockets of a `WebSocketServer` of `ws` move to the successor at a restart: their clients notice
   * nothing. The successor's own handlers see the original request again, and `restored()` gives them what `save`
   * returned. Without this call WebSockets are closed with 1012 at a restart. For `ws` 7 and 8; a second call for the
   * same server, or with the same option `name`, replaces the first.
   *
   * A message of which a half has arrived moves too. What the old process still sends on a WebSocket that has moved,
   * such as the answer of an asynchronous handler, is sent by the successor.
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
   * Lets event streams (`text/event-stream` over HTTP/1) move to the successor at a restart: it handles their original
   * request again, with `Last-Event-ID` as after a reconnect, and the client sees one stream. Only GET requests without
   * a body, of clients that are served after this call.
   * @param server whose streams; all servers' if it is left out
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
   * What `save` returned for the connection of this request in the predecessor; undefined for a client that is new here.
   * @param request the one that a handler is given: of Node, Express, Fastify (also its `raw`), or a context of Koa
   */
  restored<State>(request: object): State | undefined {
    const { raw, req } = request as { raw?: object; req?: object }
    return this.#restored.get(raw ?? req ?? request) as State | undefined
  }

  /** For zerodrop itself: what this process can take over. */
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

  /** A request that was made in the predecessor is to be handled again. */
  restore(request: IncomingMessage, state: unknown): void {
    this.#restored.set(request, state)
  }

  /** What the client of a WebSocket that is about to be accepted may refer to. */
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
