import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { Release, System } from '../system/system.ts'
import { closeGently } from './close-gently.ts'
import { bySession } from './streams-by-session.ts'

/** The highest stream id: no stream that the client has opened or is opening is refused by this GOAWAY. */
const highestStreamId = 2 ** 31 - 1

/** A GOAWAY frame with that id and no error: 8 bytes, type 7, no flags, on stream 0. */
const openNoMore = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])

/** How long to wait for a client's answer to a ping, in milliseconds. */
const pingTimeout = 1000

/**
 * Ends HTTP/2 sessions in two steps (RFC 9113, section 6.8): a GOAWAY that only says "open no more"; then,
 * when the ping's answer shows that everything on its way has arrived, the final one with the last stream
 * that is served. Streams finish, then the session closes.
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
    const { server, sessions, streams } = this.#connections
    const onSession = (session: ServerHttp2Session): void => this.#end(session, [])
    server.on('session', onSession)
    this.#releases.add(() => server.off('session', onSession))
    const open = bySession(streams.keys())
    for (const session of sessions) this.#end(session, open.get(session) ?? [])
  }

  dispose(): void {
    for (const release of this.#releases) release()
    this.#releases.clear()
  }

  /** @param streams the open streams of the session */
  #end(session: ServerHttp2Session, streams: readonly ServerHttp2Stream[]): void {
    this.#followFin(session)
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
      whenWithoutStreams(streams, finish)
    }
    // Returns false if too many pings are outstanding: then the time limit decides.
    session.ping(() => finish())
  }

  /** Node ends the socket of a session that has closed, and waits for the client's FIN without a limit. */
  #followFin(session: ServerHttp2Session): void {
    const socket = this.#connections.sessions.socketOf(session)
    if (socket === undefined) return
    const onFinish = (): void => closeGently(socket, this.#system)
    if (socket.writableFinished) {
      onFinish()
      return
    }
    const release = (): void => {
      socket.off('finish', onFinish)
      this.#releases.delete(release)
    }
    this.#releases.add(release)
    socket.once('finish', onFinish)
    socket.once('close', release)
  }

  /**
   * The socket of a session without TLS. The first GOAWAY is written on it directly, because Node's HTTP/2
   * ignores every stream that arrives after Node itself has sent a GOAWAY, with any id (nghttp2's "shutdown
   * notice" works, but Node does not offer it). Node writes whole frames, and libuv keeps their order.
   *
   * Over TLS this is impossible: Node aborts the process if two writes overlap. The final GOAWAY then
   * refuses a stream that crosses the first one, which tells its client that it may send the request again.
   */
  #plainSocketOf(session: ServerHttp2Session): Socket | undefined {
    const { secure, sessions } = this.#connections
    const socket = secure ? undefined : sessions.socketOf(session)
    return socket?.writable === true ? socket : undefined
  }
}

/** After its own GOAWAY, Node no longer reads a session without streams, not even the answer to a ping. */
function whenWithoutStreams(streams: readonly ServerHttp2Stream[], listener: () => void): void {
  let open = streams.length
  if (open === 0) listener()
  for (const stream of streams)
    stream.once('close', () => {
      open--
      if (open === 0) listener()
    })
}
