import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { currentResponse, readsHttp1 } from '../connections/exchange.ts'
import { isUsed } from '../connections/mark-as-used.ts'
import type { System } from '../system/system.ts'

/** Ends the connections that have been idle for too long, where Node would destroy them. */
export class IdleTimeouts {
  readonly #connections: Connections
  readonly #system: System
  readonly #end: (socket: Socket) => void
  /** Each with what had been read on it by then. */
  readonly #timedOut = new Map<Socket, number>()
  #active = true

  /** @param end ends an idle connection */
  constructor(connections: Connections, system: System, end: (socket: Socket) => void) {
    this.#connections = connections
    this.#system = system
    this.#end = end
  }

  /** A connection has timed out. With a request under way Node destroys it, and so does the drain. */
  onTimeout(socket: Socket): void {
    // A session of HTTP/2, or something under way.
    if (!readsHttp1(socket) || currentResponse(socket) !== undefined) {
      socket.destroy()
      return
    }
    if (this.#timedOut.size === 0) this.#system.setImmediate(() => this.#endTimedOut())
    this.#timedOut.set(socket, socket.bytesRead)
  }

  dispose(): void {
    this.#active = false
  }

  /** Together for all of one turn: asking which connections are idle costs as much for one. */
  #endTimedOut(): void {
    const timedOut = [...this.#timedOut]
    this.#timedOut.clear()
    if (!this.#active) return
    const idle = this.#connections.idle()
    for (const [socket, bytesRead] of timedOut)
      if (idle.has(socket) || !isUsed(socket)) this.#end(socket)
      // Unless the client has gone on since.
      else if (socket.bytesRead === bytesRead) socket.destroy()
  }
}
