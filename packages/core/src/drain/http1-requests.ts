import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { currentResponse, hasUnflushed, isLast } from '../connections/exchange.ts'
import { hasMoved } from '../connections/moved.ts'
import type { Release, System } from '../system/system.ts'
import { whenAborted } from './aborted-requests.ts'
import { describeHttp1, type Times } from './cut.ts'
import { hasLeft } from './has-left.ts'
import { ReadingHeads } from './reading-heads.ts'
import { refused } from './refusal.ts'
import type { Arrival, Tally } from './tally.ts'

/**
 * Follows each HTTP/1 request to its end while its server drains. A request can be ended by its response,
 * the client, the deadline, or other code in this process that closes the connection.
 */
export class Http1Requests {
  readonly #connections: Connections
  readonly #tally: Tally
  readonly #times: () => Times
  readonly #open = new Map<Socket, Map<IncomingMessage, Arrival>>()
  readonly #watched = new Set<Socket>()
  /** Connections whose client sent its FIN before this process did. */
  readonly #ended = new WeakSet<Socket>()
  /** Connections with hidden requests: they arrived before the drain and wait behind another one. */
  readonly #pipelining = new WeakSet<Socket>()
  /** Requests that are counted already, so that hidden ones are counted once they become visible. */
  readonly #counted = new WeakSet<IncomingMessage>()
  /**
   * Responses that had left this process completely when `end()` returned, no matter how their connection
   * ends.
   */
  readonly #sent = new WeakSet<ServerResponse>()
  /** Whether the open requests were cut, and whether a signal did it. */
  #forced: { readonly forced: boolean } | undefined
  readonly #readingHeads: ReadingHeads
  readonly #releases: Release[] = []
  readonly #onEnd: (this: Socket) => void
  readonly #onClose: (this: Socket) => void

  constructor(connections: Connections, system: System, tally: Tally, times: () => Times) {
    this.#connections = connections
    this.#readingHeads = new ReadingHeads(connections, system)
    this.#tally = tally
    this.#times = times
    const noteEnd = (socket: Socket): void => this.#noteEnd(socket)
    const settle = (socket: Socket): void => this.#settle(socket)
    this.#onEnd = function (this: Socket): void {
      noteEnd(this)
    }
    this.#onClose = function (this: Socket): void {
      settle(this)
    }
  }

  /** Begins with the requests that are in flight. */
  start(): void {
    const { http, secure, server, sockets } = this.#connections
    if (http === undefined) return
    for (const socket of sockets.keys()) {
      this.#watch(socket)
      const response = currentResponse(socket)
      if (response === undefined || this.#connections.upgraded.has(socket)) continue
      this.#add(response.req, response, 'finished')
      if (!isLast(response)) this.#watchPipeline(socket)
    }
    const onConnection = (socket: Socket): void => this.#watch(socket)
    const event = secure ? 'secureConnection' : 'connection'
    server.on(event, onConnection)
    this.#releases.push(() => server.off(event, onConnection))
  }

  /** A request has arrived. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    this.#watch(request.socket)
    this.#add(request, response, 'served')
  }

  /** A response has ended. Node reports that also if the connection was destroyed before. */
  finish(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
    if (socket.destroyed && !this.#sent.has(response)) return
    const arrival = this.#take(socket, request)
    if (arrival === undefined) return
    if (refused.has(request)) this.#tally.refused++
    else this.#tally[arrival]++
  }

  /** The open requests of a connection, in the order in which they arrived. */
  on(socket: Socket): readonly IncomingMessage[] {
    return [...(this.#open.get(socket)?.keys() ?? [])]
  }

  /** All open requests count as cut from now on. */
  force(forced: boolean): void {
    this.#forced = { forced }
    for (const requests of this.#open.values()) this.#tally.cutRequests += requests.size
    this.#open.clear()
  }

  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
    for (const socket of this.#watched) {
      socket.off('end', this.#onEnd)
      socket.off('close', this.#onClose)
    }
    this.#watched.clear()
  }

  #watch(socket: Socket): void {
    if (this.#watched.has(socket) || socket.destroyed) return
    this.#watched.add(socket)
    // Node caches the address at the first read, and cannot look it up after the connection has closed.
    void socket.remoteAddress
    // Before Node's own listener, which ends this side too and frees the parser.
    socket.prependListener('end', this.#onEnd)
    socket.prependListener('close', this.#onClose)
  }

  #add(request: IncomingMessage, response: ServerResponse, arrival: Arrival): void {
    const { socket } = request
    const requests = this.#open.get(socket) ?? new Map<IncomingMessage, Arrival>()
    this.#open.set(socket, requests)
    requests.set(request, arrival)
    this.#counted.add(request)
    this.#tally.open(arrival)
    response.once('prefinish', () => {
      if (!socket.destroyed && !hasUnflushed(socket)) this.#sent.add(response)
    })
  }

  #take(socket: Socket, request: IncomingMessage): Arrival | undefined {
    const requests = this.#open.get(socket)
    const arrival = requests?.get(request)
    if (arrival !== undefined) {
      requests?.delete(request)
      if (requests?.size === 0) this.#open.delete(socket)
      return arrival
    }
    if (this.#counted.has(request) || !this.#pipelining.has(socket)) return undefined
    this.#counted.add(request)
    this.#tally.open('finished')
    return 'finished'
  }

  #watchPipeline(socket: Socket): void {
    this.#pipelining.add(socket)
    const release = whenAborted(socket, (requests) => {
      const unseen = requests.filter((request) => !this.#counted.has(request))
      for (const _request of unseen) this.#tally.open('finished')
      this.#end(socket, [...this.on(socket), ...unseen])
    })
    this.#releases.push(release)
  }

  #noteEnd(socket: Socket): void {
    // `httpAllowHalfOpen` lets a client end its side and wait for the response.
    const { httpAllowHalfOpen } = this.#connections.server as { httpAllowHalfOpen?: boolean }
    if (!socket.writableEnded && !socket.destroyed && httpAllowHalfOpen !== true) this.#ended.add(socket)
  }

  /** A connection has closed: its open requests did not get a complete response. */
  #settle(socket: Socket): void {
    this.#watched.delete(socket)
    if (!this.#pipelining.has(socket)) this.#end(socket, this.on(socket))
  }

  #end(socket: Socket, requests: readonly IncomingMessage[]): void {
    this.#open.delete(socket)
    if (hasMoved(socket)) {
      this.#tally.moved += requests.length
      return
    }
    const left = hasLeft(socket, this.#ended.has(socket))
    if (requests.length === 0 && !left && this.#forced === undefined && this.#readingHeads.includes(socket))
      this.#cut(socket)
    if (left) this.#tally.left += requests.length
    else for (const request of requests) this.#cut(socket, request)
  }

  #cut(socket: Socket, request?: IncomingMessage): void {
    if (request !== undefined) this.#tally.cutRequests++
    const named = describeHttp1(this.#connections, socket, this.#times(), request)
    if (this.#forced === undefined) this.#tally.addCut({ ...named, by: 'application' })
    else this.#tally.addCut(named, this.#forced.forced)
  }
}
