import type { Server as HttpServer } from 'node:http'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { carrierOf, onFirstConnection } from '../system/node-internals.ts'
import type { Release } from '../system/system.ts'
import { idleConnections } from './idle.ts'
import { listConnections } from './list.ts'
import { onEvent } from './on-event.ts'
import { RequestCounts } from './request-counts.ts'
import { isUsed } from './mark-as-used.ts'
import { Sessions } from './sessions.ts'
import type { UpgradedConnections } from './upgraded-connections.ts'
import { Upgrades } from './upgrades.ts'

/**
 * The open connections of one server. For HTTP/1 without TLS, Node has a list of its own: until a drain begins zerodrop
 * does nothing for a connection, and keeps nothing. For TLS and other protocols it keeps one entry in a map. Nothing is
 * done per request.
 */
export class Connections {
  readonly server: Server
  /** How many were ever accepted: tells whether an event loop tick has accepted one more. */
  accepted = 0
  /** HTTP/2 sessions. */
  readonly sessions: Sessions = new Sessions()
  /** HTTP/2 streams, each with the headers of its request. */
  readonly streams: Map<ServerHttp2Stream, IncomingHttpHeaders> = new Map()
  /** Connections that left HTTP for another protocol. */
  readonly upgraded: UpgradedConnections
  /** Of HTTP/1 only, and only if the server limits them. */
  readonly requests: RequestCounts | undefined
  /** With the time of their opening, if that was seen. */
  readonly #open = new Map<Socket, number | undefined>()
  /** The TLS sockets, once their handshake is complete; those that carry them are in `#open`. */
  readonly #secure = new Map<Socket, number>()
  /** Those that another server goes on with. */
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
      // Node makes its list at 'listening', before it accepts; without one by then this is a Node that has none.
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

  /** Takes its listeners off the server. What it knows of open connections stays, until they have ended. */
  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
  }

  /** The server has another listening socket. */
  onListening(): void {
    if (!this.#untouched) return
    this.#untouched = false
    this.#noteFirst()
  }

  /** Whether no connection was ever accepted, as far as is known. */
  get untouched(): boolean {
    return this.#untouched
  }

  /** Begins to know every connection: those there are, and those to come. Calling it again does nothing. */
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

  /** A connection that is being given to the server, which has just begun to be known. */
  adopt(socket: Socket): void {
    if (!this.#tracking) return
    this.#open.set(socket, this.#time())
    socket.on('close', this.#onClose)
    if (this.http2 && !this.secure) this.sessions.adopt(socket)
  }

  /** Another server goes on with a connection of this one, and with what carries it. */
  disown(socket: Socket): void {
    // The application may do so before this learns of it.
    this.#disowned.add(socket)
    const carrier = this.secure ? carrierOf(socket) : undefined
    if (carrier !== undefined) this.#open.delete(carrier)
    this.#forget(socket)
  }

  get size(): number {
    return this.#open.size
  }

  get secure(): boolean {
    return this.server instanceof TlsServer
  }

  /** The sockets on which the application's protocol is spoken, for TLS those within, each with when it was opened if that was seen. */
  get sockets(): ReadonlyMap<Socket, number | undefined> {
    return this.secure ? this.#secure : this.#open
  }

  /** All sockets, those that carry TLS included. */
  get all(): readonly Socket[] {
    return [...this.#secure.keys(), ...this.#open.keys()]
  }

  /** True for HTTP/1.1 without TLS, which can go on in another process. */
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

  /** Those between two requests. */
  idle(): Set<Socket> {
    return this.http === undefined ? new Set() : idleConnections(this.http, this.sockets.keys())
  }

  /** Those on which no byte has ever arrived, after the handshake where there is one. */
  unused(): Set<Socket> {
    return new Set([...this.sockets.keys()].filter((socket) => !isUsed(socket)))
  }

  /** Those whose TLS handshake is not complete. */
  handshaking(): readonly Socket[] {
    if (!this.secure) return []
    const carriers = new Set(
      [...this.#secure.keys()].filter(({ destroyed }) => !destroyed).map((socket) => carrierOf(socket)),
    )
    // Then it cannot be told which are not.
    if (carriers.has(undefined)) return []
    return [...this.#open.keys()].filter((socket) => !carriers.has(socket))
  }

  /** Calls back whenever a connection has ended or has left HTTP. */
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

  /** Looks at the first connection only: what is not tracked costs nothing for each. */
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

  /** Whole milliseconds: a number that V8 keeps in place, where a fraction would be an object on the heap. */
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
