import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Release } from '../system/system.ts'

/** What Node publishes on `http.server.request.start`. */
interface Exchange {
  readonly server: Server
  readonly socket: Socket
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * How many requests each connection of a server has had, for `maxRequestsPerSocket`: Node's own count is out of reach,
 * and a connection that moves would begin again. Nothing is counted on a server without that limit.
 */
export class RequestCounts {
  readonly #server: Server
  readonly #counts = new WeakMap<Socket, number>()
  /** Those whose first requests came to another process: Node's own count is too low. */
  readonly #inherited = new WeakSet<Socket>()
  #release: Release | undefined

  constructor(server: Server) {
    this.#server = server
  }

  /** Begins to count, if the server has a limit. Calling it again does nothing. */
  start(): void {
    const { maxRequestsPerSocket } = this.#server
    if (this.#release !== undefined || maxRequestsPerSocket === null || maxRequestsPerSocket <= 0) return
    const onRequest = (exchange: unknown): void => {
      if ((exchange as Exchange).server === this.#server) this.#count(exchange as Exchange)
    }
    subscribe('http.server.request.start', onRequest)
    this.#release = () => unsubscribe('http.server.request.start', onRequest)
  }

  stop(): void {
    this.#release?.()
    this.#release = undefined
  }

  of(socket: Socket): number {
    return this.#counts.get(socket) ?? 0
  }

  /** Goes on from what another process has counted on a connection that came from there. */
  inherit(socket: Socket, count: number): void {
    if (count === 0) return
    this.#counts.set(socket, count)
    this.#inherited.add(socket)
  }

  #count({ socket, request, response }: Exchange): void {
    // As Node does.
    if (request.httpVersion !== '1.1') return
    const count = this.of(socket) + 1
    this.#counts.set(socket, count)
    const { maxRequestsPerSocket } = this.#server
    // Node answers the last one with `Connection: close` and what still comes with 503, by its own count. This one has
    // to end here: Node would serve on.
    if (this.#inherited.has(socket) && maxRequestsPerSocket !== null && count >= maxRequestsPerSocket)
      response.shouldKeepAlive = false
  }
}
