import type { Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { idleConnections } from './idle.ts'

/**
 * The open connections of one server. While nothing drains this is all zerodrop does per connection: one entry in a
 * set, and one shared function among the socket's listeners. Nothing is done per request.
 */
export class Connections {
  readonly server: Server
  /** How many were ever accepted: tells whether a turn of the loop has accepted one more. */
  accepted = 0
  readonly #open = new Set<Socket>()
  /** The TLS sockets, once their handshake is complete; those that carry them are in `#open`. */
  readonly #secure = new Set<Socket>()
  readonly #waiting: (() => void)[] = []

  constructor(server: Server) {
    this.server = server
    const forget = (socket: Socket): void => this.#forget(socket)
    // One function for all sockets: a closure for each would be most of what an idle connection costs.
    const onClose = function (this: Socket): void {
      forget(this)
    }
    server.on('connection', (socket: Socket) => {
      this.accepted++
      this.#open.add(socket)
      socket.on('close', onClose)
    })
    if (server instanceof TlsServer) {
      server.on('secureConnection', (socket: Socket) => {
        this.#secure.add(socket)
        socket.on('close', onClose)
      })
    }
  }

  get size(): number {
    return this.#open.size
  }

  /** The sockets on which the application's protocol is spoken: for TLS those within. */
  get sockets(): ReadonlySet<Socket> {
    return this.server instanceof TlsServer ? this.#secure : this.#open
  }

  /** All sockets, those that carry TLS included. */
  get all(): readonly Socket[] {
    return [...this.#secure, ...this.#open]
  }

  /** Those whose TLS handshake is not complete. */
  handshaking(): readonly Socket[] {
    if (!(this.server instanceof TlsServer)) return []
    const secured = new Set([...this.#secure].map(peer))
    return [...this.#open].filter((socket) => !secured.has(peer(socket)))
  }

  /** True for HTTP/1.1 without TLS, which can go on in another process. */
  get migratable(): boolean {
    return this.http !== undefined && !(this.server instanceof TlsServer)
  }

  /** The server, if Node reads HTTP/1 on it. */
  get http(): HttpServer | undefined {
    return 'closeIdleConnections' in this.server ? (this.server as HttpServer) : undefined
  }

  /** Those between two requests. */
  idle(): Set<Socket> {
    return this.http === undefined ? new Set() : idleConnections(this.http, this.sockets)
  }

  /** Those on which no byte has arrived, after the handshake where there is one. */
  unused(): Set<Socket> {
    return new Set([...this.sockets].filter((socket) => socket.bytesRead === 0))
  }

  /** Resolves when no connection is left: at once if there is none. */
  async empty(): Promise<void> {
    if (this.size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #forget(socket: Socket): void {
    this.#secure.delete(socket)
    this.#open.delete(socket)
    if (this.#open.size > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function peer(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}
