import type { Server, Socket } from 'node:net'
import { currentResponse } from '../connections/exchange.ts'
import { requestOn } from '../system/node-internals.ts'
import type { Release } from '../system/system.ts'

/**
 * Prevents Node from handling a timeout of a draining connection: it would destroy the socket, which can
 * cause a reset. As in Node, a listener of 'timeout' on the server, on the response, or on an incomplete
 * request handles the timeout instead.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (socketOnTimeout)
 */
export class Http1Timeouts {
  readonly #server: Server
  readonly #onTimeout: (socket: Socket) => void
  readonly #watched = new Set<Socket>()
  /** Sockets whose current timeout the application handles. */
  readonly #heard = new WeakSet<Socket>()
  readonly #listen: (this: Socket) => void

  /** @param onTimeout called for a connection whose timeout has no other listener */
  constructor(server: Server, onTimeout: (socket: Socket) => void) {
    this.#server = server
    this.#onTimeout = onTimeout
    const hear = (socket: Socket): void => this.#hear(socket)
    this.#listen = function (this: Socket): void {
      hear(this)
    }
  }

  start(): Release {
    const server = this.#server
    const onTimeout = (socket: Socket): void => {
      if (server.listenerCount('timeout') === 1 && !this.#heard.has(socket)) this.#onTimeout(socket)
    }
    server.on('timeout', onTimeout)
    return () => {
      server.off('timeout', onTimeout)
      for (const socket of this.#watched) socket.off('timeout', this.#listen)
      this.#watched.clear()
    }
  }

  /** Checks for listeners before Node emits the event: a `once()` listener is gone after that. */
  watch(socket: Socket): void {
    if (this.#watched.has(socket) || socket.destroyed) return
    this.#watched.add(socket)
    socket.prependListener('timeout', this.#listen)
    socket.once('close', () => this.#watched.delete(socket))
  }

  #hear(socket: Socket): void {
    const request = requestOn(socket) ?? undefined
    const inRequest =
      request !== undefined && !request.complete ? request.listenerCount('timeout') > 0 : false
    const inResponse = (currentResponse(socket)?.listenerCount('timeout') ?? 0) > 0
    if (inRequest || inResponse) this.#heard.add(socket)
    else this.#heard.delete(socket)
  }
}
