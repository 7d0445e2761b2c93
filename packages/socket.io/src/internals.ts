/**
 * The members of socket.io and of engine.io, the layer below it, that this package uses. Some are undocumented:
 * `understands()` checks that they exist.
 */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { WebSocketLike } from '@zerodrop/core'

/** A WebSocket of `ws`. */
export interface WebSocket extends WebSocketLike {
  send(data: unknown, ...rest: unknown[]): void
  pause(): void
  resume(): void
}

/** A client's session in engine.io. */
export interface EngineSocket extends EventEmitter {
  readonly id: string
  readonly protocol: number
  readonly readyState: string
  readonly upgrading: boolean
  readonly writeBuffer: readonly unknown[]
  readonly transport: Transport
  readonly pingIntervalTimer?: NodeJS.Timeout | null
  readonly pingTimeoutTimer?: NodeJS.Timeout | null
  schedulePing(): void
}

export interface Transport {
  readonly name: string
  readonly writable: boolean
  /** The WebSocket, if the transport is `websocket`. */
  readonly socket?: WebSocket
}

/** A server of `ws`. */
export interface WebSocketServer {
  readonly options: object
  handleUpgrade(
    request: IncomingMessage,
    socket: unknown,
    head: unknown,
    callback: (webSocket: WebSocket) => void,
  ): void
}

export interface Engine extends EventEmitter {
  readonly clients: Record<string, EngineSocket>
  clientsCount: number
  /** engine.io replaces it when the HTTP server begins to listen. */
  ws: WebSocketServer
  generateId(request: IncomingMessage): string | Promise<string>
  handleUpgrade(request: IncomingMessage, socket: unknown, head: unknown): void
}

/** The state of a client that an adapter keeps for `connectionStateRecovery`. */
export interface Session {
  readonly sid: string
  readonly pid: string
  readonly rooms: readonly string[]
  readonly data: unknown
  readonly missedPackets: readonly unknown[]
}

export interface Adapter {
  restoreSession(pid: string, offset: string): Promise<Session | null | undefined>
  addAll(id: string, rooms: Set<string>): unknown
  delAll(id: string): unknown
}

export interface Namespace extends EventEmitter {
  readonly name: string
  readonly adapter: Adapter
  readonly sockets: Map<string, NamespaceSocket>
}

/** A client in a namespace. */
export interface NamespaceSocket extends EventEmitter {
  readonly id: string
  /** The private id of `connectionStateRecovery`. */
  readonly pid?: string
  readonly conn: EngineSocket
  readonly client: { readonly decoder?: { readonly reconstructor?: unknown } }
  readonly nsp: Namespace
  readonly rooms: Set<string>
  readonly data: unknown
  readonly connected: boolean
  readonly handshake: { readonly auth: Record<string, unknown> }
  /** The acknowledgements that the client still owes. */
  readonly acks: ReadonlyMap<number, unknown>
}

/** The private members of a `Server`. */
export interface Internals {
  readonly engine: Engine
  readonly _nsps: ReadonlyMap<string, Namespace>
}

/** Whether this version of socket.io has all the members that this package uses. */
export function understands(io: object): boolean {
  const { engine, _nsps: namespaces } = io as Partial<Internals>
  return (
    typeof engine?.ws?.handleUpgrade === 'function' &&
    typeof engine.clients === 'object' &&
    typeof engine.clientsCount === 'number' &&
    typeof engine.generateId === 'function' &&
    typeof engine.handleUpgrade === 'function' &&
    namespaces instanceof Map
  )
}

/** Calls the listener with the `ws` server of an engine, and with each `ws` server that the engine creates later. */
export function onWebSocketServer(engine: Engine, listener: (server: WebSocketServer) => void): void {
  let { ws } = engine
  Object.defineProperty(engine, 'ws', {
    configurable: true,
    enumerable: true,
    get: () => ws,
    set(server: WebSocketServer) {
      ws = server
      listener(server)
    },
  })
  listener(ws)
}

/** Whether the option `connectionStateRecovery` is set: the documented way to create a socket with an existing id. */
export function recovers(io: object): boolean {
  const { _opts, opts } = io as Record<'_opts' | 'opts', { connectionStateRecovery?: unknown } | undefined>
  return Boolean((_opts ?? opts)?.connectionStateRecovery)
}
