import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { shadow } from '../system/shadow.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { Release } from '../system/system.ts'
import { describeStream, type Times } from './cut.ts'
import { hasLeft } from './has-left.ts'
import type { Arrival, Tally } from './tally.ts'

/**
 * NO_ERROR of RFC 9113. A literal, because importing node:http2 opens stderr, and importing zerodrop must
 * open nothing.
 */
const noError = 0

/** Follows each HTTP/2 stream to its end while its server drains. */
export class Http2Requests {
  readonly #connections: Connections
  readonly #tally: Tally
  readonly #times: () => Times
  readonly #open = new Map<ServerHttp2Stream, Arrival>()
  /** Streams that this process ended before their client did, with their state. */
  readonly #endedHere = new WeakMap<ServerHttp2Stream, CutConnection>()
  readonly #watched = new WeakSet<Socket>()
  /** Sessions whose client sent its FIN before this process did. */
  readonly #ended = new WeakSet<Socket>()
  readonly #releases: Release[] = []

  constructor(connections: Connections, tally: Tally, times: () => Times) {
    this.#connections = connections
    this.#tally = tally
    this.#times = times
  }

  /** Begins with the streams that are open. */
  start(): void {
    const { server, streams } = this.#connections
    for (const stream of streams.keys()) this.#add(stream, 'finished')
    const onStream = (stream: ServerHttp2Stream): void => this.#add(stream, 'served')
    server.on('stream', onStream)
    this.#releases.push(() => server.off('stream', onStream))
  }

  /** All open streams count as cut from now on. */
  force(): void {
    this.#tally.cutRequests += this.#open.size
    this.#open.clear()
  }

  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
    this.#open.clear()
  }

  #add(stream: ServerHttp2Stream, arrival: Arrival): void {
    const socket = this.#socketOf(stream)
    if (socket !== undefined) this.#watch(socket)
    this.#open.set(stream, arrival)
    this.#tally.open(arrival)
    // If the client ends a stream, Node closes it without calling these two.
    const releases = [
      shadow(stream, 'close', (original) => (code, callback) => {
        this.#noteEnd(stream)
        original.call(stream, code, callback)
      }),
      shadow(stream, 'destroy', (original) => (error) => {
        this.#noteEnd(stream)
        return original.call(stream, error)
      }),
    ]
    stream.once('close', () => {
      for (const release of releases) release()
      this.#settle(stream)
    })
  }

  #watch(socket: Socket): void {
    if (this.#watched.has(socket)) return
    this.#watched.add(socket)
    socket.prependListener('end', () => {
      if (!socket.writableEnded) this.#ended.add(socket)
    })
  }

  #noteEnd(stream: ServerHttp2Stream): void {
    if (stream.closed || !this.#open.has(stream)) return
    const socket = this.#socketOf(stream)
    // When a client closes its connection, its streams end with it.
    if (socket !== undefined && hasLeft(socket, this.#ended.has(socket))) return
    this.#endedHere.set(stream, describeStream(this.#connections, stream, socket, this.#times()))
  }

  #socketOf({ session }: ServerHttp2Stream): Socket | undefined {
    return session && this.#connections.sessions.socketOf(session as ServerHttp2Session)
  }

  #settle(stream: ServerHttp2Stream): void {
    const arrival = this.#open.get(stream)
    if (arrival === undefined) return
    this.#open.delete(stream)
    const cut = this.#endedHere.get(stream)
    if (stream.rstCode === noError && !stream.aborted && stream.writableFinished) this.#tally[arrival]++
    else if (cut === undefined) this.#tally.left++
    else {
      this.#tally.cutRequests++
      this.#tally.addCut({ ...cut, by: 'application' })
    }
  }
}
