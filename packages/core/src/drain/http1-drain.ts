import type { ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { currentResponse, isLast, sayClose } from '../connections/exchange.ts'
import { isUsed } from '../connections/seem-used.ts'
import type { Release, System } from '../system/system.ts'
import { beforeHead } from './before-head.ts'
import { closeGently, isClosing } from './close-gently.ts'
import { deferRequests } from './defer-requests.ts'
import { type DrainingPolicy, Refusal, refuse, refused } from './refusal.ts'

/** Brings the HTTP/1 connections of one server to an end, each after its last response. */
export class Http1Drain {
  readonly #connections: Connections
  readonly #system: System
  readonly #releases: Release[] = []
  /** Those that drain while the server's others move. */
  readonly #kept = new Set<Socket>()
  #releaseKept: Release | undefined
  readonly #finished = new Set<Socket>()
  /** Ended before the drain, having promised to keep the connection, and still being sent. */
  readonly #promised = new WeakSet<ServerResponse>()
  #idleEnded = false
  #checking = false

  constructor(connections: Connections, system: System) {
    this.#connections = connections
    this.#system = system
  }

  /** From now on every response says `Connection: close`, and its connection ends behind it. */
  announce(policy: DrainingPolicy<ServerResponse['req']>): void {
    const { server } = this.#connections
    const onTimeout = (socket: Socket): void => this.#onTimeout(server, socket)
    server.on('timeout', onTimeout)
    this.#releaseKept?.()
    this.#releases.push(
      () => server.off('timeout', onTimeout),
      this.#defer(policy, () => true),
    )
    this.#tellCurrent(this.#connections.sockets.keys())
  }

  /** Makes the responses that are being written say `Connection: close`. */
  #tellCurrent(sockets: Iterable<Socket>): void {
    const pipelining = new Set<Socket>()
    for (const socket of sockets) {
      const response = currentResponse(socket)
      if (response === undefined) continue
      if (!isLast(response)) pipelining.add(socket)
      if (!sayClose(response) && response.writableEnded) this.#promised.add(response)
    }
    if (pipelining.size === 0) return
    const release = beforeHead((response) => {
      if (pipelining.has(response.req.socket)) sayClose(response)
    })
    this.#releases.push(release)
  }

  /** From now on these connections are told as `announce()` tells all. */
  keep(policy: DrainingPolicy<ServerResponse['req']>, sockets: readonly Socket[]): void {
    for (const socket of sockets) this.#kept.add(socket)
    this.#releaseKept ??= this.#defer(policy, (socket) => this.#kept.has(socket))
    this.#tellCurrent(sockets)
  }

  /** Whether this connection is one that drains while others move. */
  keeps(socket: Socket): boolean {
    return this.#kept.has(socket)
  }

  /** A request has arrived; nobody has seen it yet. */
  onRequest(response: ServerResponse): void {
    sayClose(response)
  }

  /** A response has ended, and Node is about to do what follows from that. */
  onFinish(socket: Socket, response: ServerResponse): void {
    // What Node calls right after this for a response that said close. Its own version closes without waiting for
    // the client's FIN.
    const destroySoon = (): void => this.#end(socket)
    Object.defineProperty(socket, 'destroySoon', { value: destroySoon, configurable: true, writable: true })
    // Its client may have had it whole for a while and be asking on: an idle connection, which lingers.
    if (this.lingersBehind(response)) return
    // A head written before the drain, or by an application with its own idea of the header, has promised to keep the
    // connection: it ends right behind the body all the same, unless more has been asked for by then.
    this.#finished.add(socket)
    if (this.#checking) return
    this.#checking = true
    queueMicrotask(() => this.#endFinished())
  }

  /** Whether the connection is kept for another request when this response is sent. */
  lingersBehind(response: ServerResponse): boolean {
    return this.#promised.has(response) && !this.#idleEnded
  }

  /** Ends the connections that are between two requests: nothing is on its way as far as can be known here. */
  endIdle(): void {
    this.#idleEnded = true
    for (const socket of this.#connections.idle()) this.#end(socket)
  }

  /** Ends the connections on which nothing ever came. */
  endUnused(): void {
    for (const socket of this.#connections.unused()) this.#end(socket)
  }

  /** Ends those of these connections on which nothing is under way. */
  endQuiet(sockets: readonly Socket[]): void {
    const idle = this.#connections.idle()
    for (const socket of sockets) if (idle.has(socket) || !isUsed(socket)) this.#end(socket)
  }

  /** Cuts the TLS handshakes that have not become connections. */
  endHandshakes(): void {
    for (const socket of this.#connections.handshaking()) socket.destroy()
  }

  dispose(): void {
    this.#releaseKept?.()
    for (const release of this.#releases.splice(0)) release()
  }

  #defer(policy: DrainingPolicy<ServerResponse['req']>, concerns: (socket: Socket) => boolean): Release {
    const { server } = this.#connections
    return deferRequests(server, this.#system, concerns, (request, response) => {
      const verdict = typeof policy === 'function' ? policy(request) : policy
      if (verdict === 'serve') return false
      refused.add(request)
      refuse(response, new Refusal())
      return true
    })
  }

  #end(socket: Socket): void {
    closeGently(socket, this.#system)
  }

  #endFinished(): void {
    this.#checking = false
    const finished = [...this.#finished].filter(
      (each) => !isClosing(each) && currentResponse(each) === undefined,
    )
    this.#finished.clear()
    if (finished.length === 0) return
    const idle = this.#connections.idle()
    for (const each of finished) if (idle.has(each)) this.#end(each)
  }

  /** Node's own answer to a timeout is a close that can turn into a reset; with a listener it leaves it to us. */
  #onTimeout(server: Server, socket: Socket): void {
    if (server.listenerCount('timeout') > 1) return
    if (currentResponse(socket) === undefined) this.#end(socket)
    else socket.destroy()
  }
}
