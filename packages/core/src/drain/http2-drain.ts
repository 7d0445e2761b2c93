import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { Release, System } from '../system/system.ts'

/** The highest stream id: no stream that the client has opened or is opening is refused by this GOAWAY. */
const highestStreamId = 2 ** 31 - 1

/** A GOAWAY frame with that id and no error: 8 bytes, type 7, no flags, on stream 0. */
const openNoMore = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])

/** A client that does not answer a ping within this is not waited for. */
const pingTimeout = 1000

/**
 * Ends HTTP/2 sessions in two steps (RFC 9113, section 6.8): a GOAWAY that only says "open no more"; then, when a ping
 * has come back and so everything that was on its way has arrived, the final one with the last stream that is served.
 * Streams finish, then the session closes.
 */
export class Http2Drain {
  readonly #connections: Connections
  readonly #system: System
  readonly #releases = new Set<Release>()

  constructor(connections: Connections, system: System) {
    this.#connections = connections
    this.#system = system
  }

  announce(): void {
    const { server, sessions } = this.#connections
    const onSession = (session: ServerHttp2Session): void => this.#goAway(session)
    server.on('session', onSession)
    this.#releases.add(() => server.off('session', onSession))
    for (const session of sessions) this.#goAway(session)
  }

  dispose(): void {
    for (const release of this.#releases) release()
    this.#releases.clear()
  }

  #goAway(session: ServerHttp2Session): void {
    if (session.destroyed || session.closed) return
    const stopWaiting = this.#system.setTimeout(() => finish(), pingTimeout)
    const finish = (): void => {
      stopWaiting()
      this.#releases.delete(stopWaiting)
      if (!session.destroyed) session.close()
    }
    this.#releases.add(stopWaiting)
    const socket = this.#plainSocketOf(session)
    if (socket !== undefined) socket.write(openNoMore)
    else {
      session.goaway(0, highestStreamId)
      this.#whenWithoutStreams(session, finish)
    }
    // False if too many pings are on their way already: then the time limit decides.
    session.ping(() => finish())
  }

  /** Behind a GOAWAY of its own Node reads nothing more on a session that has no stream, the answer to a ping included. */
  #whenWithoutStreams(session: ServerHttp2Session, listener: () => void): void {
    const streams = [...this.#connections.streams.keys()].filter((stream) => stream.session === session)
    let open = streams.length
    if (open === 0) listener()
    for (const stream of streams)
      stream.once('close', () => {
        open--
        if (open === 0) listener()
      })
  }

  /**
   * The socket of a session without TLS. The first GOAWAY is written on it directly, because Node's HTTP/2 ignores every
   * stream that comes after a GOAWAY of its own, whatever id that named (nghttp2 knows a "shutdown notice" that is
   * different, but Node does not offer it). What Node writes are whole frames, and libuv keeps their order.
   *
   * Over TLS there is no such way: Node aborts the process if two writes meet there. A stream that crosses the GOAWAY
   * is then refused by the final one, which tells its client that it may send the request again.
   */
  #plainSocketOf({ socket: { remoteAddress, remotePort } }: ServerHttp2Session): Socket | undefined {
    if (this.#connections.secure) return undefined
    return [...this.#connections.sockets.keys()].find(
      (socket) =>
        socket.writable && socket.remotePort === remotePort && socket.remoteAddress === remoteAddress,
    )
  }
}
