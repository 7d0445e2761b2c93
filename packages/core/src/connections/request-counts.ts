import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Release } from '../system/system.ts'

/** The message that Node publishes on `http.server.request.start`. */
interface Exchange {
  readonly server: Server
  readonly socket: Socket
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * Counts how many requests each connection of a server has had, for `maxRequestsPerSocket`: Node's own count
 * cannot be read, and would start again at 0 for a connection that moves. Without that limit, nothing is
 * counted.
 */
export class RequestCounts {
  readonly #server: Server
  readonly #counts = new WeakMap<Socket, number>()
  /** Connections whose first requests went to another process: Node's own count is too low. */
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

  /** Continues the count that another process has made for a connection that moved here. */
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
    // By its own count, Node answers the last request with `Connection: close` and later ones with 503. This
    // connection has to end here, because Node would keep serving it.
    if (this.#inherited.has(socket) && maxRequestsPerSocket !== null && count >= maxRequestsPerSocket)
      response.shouldKeepAlive = false
  }
}
