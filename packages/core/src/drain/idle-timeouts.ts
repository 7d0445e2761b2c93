import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { currentResponse, readsHttp1 } from '../connections/exchange.ts'
import { isUsed } from '../connections/mark-as-used.ts'
import type { System } from '../system/system.ts'

/** Ends connections that have been idle for too long, which Node would destroy. */
export class IdleTimeouts {
  readonly #connections: Connections
  readonly #system: System
  readonly #end: (socket: Socket) => void
  /** The connections, each with the number of bytes read from it by then. */
  readonly #timedOut = new Map<Socket, number>()
  #active = true

  /** @param end ends an idle connection */
  constructor(connections: Connections, system: System, end: (socket: Socket) => void) {
    this.#connections = connections
    this.#system = system
    this.#end = end
  }

  /**
   * A connection has timed out. If a request is in flight, the drain destroys the connection, as Node does.
   */
  onTimeout(socket: Socket): void {
    // An HTTP/2 session, or a request in flight.
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

  /**
   * Handles all of one tick together: it costs as much to ask which connections are idle for one as for all.
   */
  #endTimedOut(): void {
    const timedOut = [...this.#timedOut]
    this.#timedOut.clear()
    if (!this.#active) return
    const idle = this.#connections.idle()
    for (const [socket, bytesRead] of timedOut)
      if (idle.has(socket) || !isUsed(socket)) this.#end(socket)
      // Unless the client has sent more since.
      else if (socket.bytesRead === bytesRead) socket.destroy()
  }
}
