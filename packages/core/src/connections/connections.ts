import type { Server as HttpServer } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { carrierOf, onFirstConnection } from '../system/node-internals.ts'
import type { Release } from '../system/system.ts'
import { isTlsServer } from '../system/tls-server.ts'
import { idleConnections } from './idle.ts'
import { listConnections } from './list.ts'
import { onEvent } from './on-event.ts'
import { RequestCounts } from './request-counts.ts'
import { isUsed } from './mark-as-used.ts'
import { Sessions } from './sessions.ts'
import type { UpgradedConnections } from './upgraded-connections.ts'
import { Upgrades } from './upgrades.ts'

/**
 * The open connections of one server. For HTTP/1 without TLS, Node has its own list: until a drain begins,
 * zerodrop does nothing for a connection and stores nothing. For TLS and other protocols it keeps one entry
 * in a map. It does nothing per request.
 */
export class Connections {
  readonly server: Server
  /** How many connections were ever accepted: shows whether an event loop tick has accepted another one. */
  accepted = 0
  /** HTTP/2 sessions. */
  readonly sessions: Sessions = new Sessions()
  /** HTTP/2 streams, each with the headers of its request. */
  readonly streams: Map<ServerHttp2Stream, IncomingHttpHeaders> = new Map()
  /** Connections that were upgraded to another protocol. */
  readonly upgraded: UpgradedConnections
  /** Request counts, only for HTTP/1, and only if the server limits them. */
  readonly requests: RequestCounts | undefined
  /** The open sockets, each with the time of its opening if that is known. */
  readonly #open = new Map<Socket, number | undefined>()
  /** The TLS sockets, once their handshake is complete; the sockets that carry them are in `#open`. */
  readonly #secure = new Map<Socket, number>()
  /** Connections that another server has taken over. */
  readonly #disowned = new WeakSet<Socket>()
  readonly #changes = new Set<() => void>()

  readonly #onClose: (this: Socket) => void
  readonly #now: () => number
  readonly #releases: Release[] = []
  #tracking = false
  #untouched = false

  /**
   * @param now the clock: monotonic milliseconds
   * @param fresh whether the server has only just begun to listen
   */
  constructor(server: Server, now: () => number, fresh = false) {
    this.server = server
    this.#now = now
    const forget = (socket: Socket): void => this.#forget(socket)
    // One function for all sockets: a closure for each would be most of what an idle connection costs.
    this.#onClose = function (this: Socket): void {
      forget(this)
    }
    const { http } = this
    this.requests = http && new RequestCounts(http)
    const upgrades = new Upgrades(
      http,
      () => this.#time(),
      (socket) => {
        if (!this.#tracking) socket.on('close', this.#onClose)
        this.#changed()
      },
    )
    this.upgraded = upgrades.open
    this.#releases.push(() => upgrades.dispose())
    if (this.http2)
      this.#releases.push(
        this.sessions.watch(server, this.secure ? 'secureConnection' : 'connection'),
        onEvent(server, 'stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
          this.streams.set(stream, headers)
          stream.on('close', () => this.streams.delete(stream))
        }),
      )
    if (http === undefined || this.secure) this.track()
    else if (listConnections(http) === undefined)
      // Node creates its list at 'listening', before it accepts; if it is missing then, this Node has none.
      this.#once('listening', () => {
        if (listConnections(http) === undefined) this.track()
      })
    if (fresh) this.#noteFirst()
    if (this.secure)
      this.#releases.push(
        onEvent(server, 'secureConnection', (socket: Socket) => {
          if (this.#disowned.has(socket)) return
          this.#secure.set(socket, this.#time())
          socket.on('close', this.#onClose)
        }),
      )
  }

  /** Removes its listeners from the server. It still follows open connections until they have ended. */
  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  /** The server has another listening socket. */
  onListening(): void {
    if (!this.#untouched) return
    this.#untouched = false
    this.#noteFirst()
  }

  /** Whether no connection is known to have been accepted. */
  get untouched(): boolean {
    return this.#untouched
  }

  /** Begins to track every connection, present and future. Calling it again does nothing. */
  track(): void {
    if (this.#tracking) return
    this.#tracking = true
    this.#releases.push(
      onEvent(this.server, 'connection', (socket: Socket) => {
        this.accepted++
        if (this.#disowned.has(socket)) return
        this.#open.set(socket, this.#time())
        socket.on('close', this.#onClose)
      }),
    )
    const { http } = this
    const open = http === undefined ? [] : (listConnections(http) ?? [])
    for (const socket of [...open, ...this.upgraded.keys()]) {
      if (socket.destroyed || this.#open.has(socket)) continue
      this.#open.set(socket, undefined)
      socket.on('close', this.#onClose)
    }
  }

  /** Another server passes a connection to this one, which zerodrop has just begun to manage. */
  adopt(socket: Socket): void {
    if (!this.#tracking) return
    this.#open.set(socket, this.#time())
    socket.on('close', this.#onClose)
    if (this.http2 && !this.secure) this.sessions.adopt(socket)
  }

  /** Another server takes over a connection of this one, and the socket that carries it. */
  disown(socket: Socket): void {
    // The application may do so before this code learns of the connection.
    this.#disowned.add(socket)
    const carrier = this.secure ? carrierOf(socket) : undefined
    if (carrier !== undefined) this.#open.delete(carrier)
    this.#forget(socket)
  }

  get size(): number {
    return this.#open.size
  }

  get secure(): boolean {
    return isTlsServer(this.server)
  }

  /**
   * The sockets that carry the application's protocol, for TLS the inner ones, each with the time of its
   * opening if that is known.
   */
  get sockets(): ReadonlyMap<Socket, number | undefined> {
    return this.secure ? this.#secure : this.#open
  }

  /** All sockets, including those that carry TLS. */
  get all(): readonly Socket[] {
    return [...this.#secure.keys(), ...this.#open.keys()]
  }

  /** True for HTTP/1.1 without TLS, which can continue in another process. */
  get migratable(): boolean {
    return this.http !== undefined && !this.secure
  }

  /** Whether this is a server of node:http2. It may serve HTTP/1 as well. */
  get http2(): boolean {
    return 'updateSettings' in this.server
  }

  /** The server, if Node reads HTTP/1 on it. */
  get http(): HttpServer | undefined {
    return 'closeIdleConnections' in this.server ? (this.server as HttpServer) : undefined
  }

  /** The connections between two requests. */
  idle(): Set<Socket> {
    return this.http === undefined ? new Set() : idleConnections(this.http, this.sockets.keys())
  }

  /** The connections on which no byte has arrived, for TLS since the handshake. */
  unused(): Set<Socket> {
    return new Set([...this.sockets.keys()].filter((socket) => !isUsed(socket)))
  }

  /** The connections whose TLS handshake is not complete. */
  handshaking(): readonly Socket[] {
    if (!this.secure) return []
    const carriers = new Set(
      [...this.#secure.keys()].filter(({ destroyed }) => !destroyed).map((socket) => carrierOf(socket)),
    )
    // Then it is unknown which connections these are.
    if (carriers.has(undefined)) return []
    return [...this.#open.keys()].filter((socket) => !carriers.has(socket))
  }

  /** Calls back whenever a connection has ended or was upgraded. */
  onChange(listener: () => void): Release {
    this.#changes.add(listener)
    return () => this.#changes.delete(listener)
  }

  /** Resolves when no connection is left: at once if there is none. */
  async empty(): Promise<void> {
    if (this.size === 0) return
    await new Promise<void>((resolve) => {
      const release = this.onChange(() => {
        if (this.size > 0) return
        release()
        resolve()
      })
    })
  }

  /** Looks only at the first connection, so that untracked connections cost nothing. */
  #noteFirst(): void {
    const release = onFirstConnection(this.server, () => {
      this.#untouched = false
    })
    if (release === undefined) return
    this.#untouched = true
    this.#releases.push(release)
  }

  #once(event: string, listener: () => void): void {
    const release = onEvent(this.server, event, () => {
      release()
      listener()
    })
    this.#releases.push(release)
  }

  /** Whole milliseconds: V8 stores a small integer in place, but a fraction as an object on the heap. */
  #time(): number {
    return Math.round(this.#now())
  }

  #forget(socket: Socket): void {
    this.#secure.delete(socket)
    this.#open.delete(socket)
    this.upgraded.delete(socket)
    this.#changed()
  }

  #changed(): void {
    for (const listener of this.#changes) listener()
  }
}
