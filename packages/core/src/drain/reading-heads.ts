import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { unreadRequest } from '../connections/exchange.ts'
import { isUsed } from '../connections/mark-as-used.ts'
import type { System } from '../system/system.ts'
import { isClosing } from './close-gently.ts'

/** Tells on which connections the head of a request has begun and is not complete. */
export class ReadingHeads {
  readonly #connections: Connections
  readonly #system: System
  #idle: Set<Socket> | undefined

  constructor(connections: Connections, system: System) {
    this.#connections = connections
    this.#system = system
  }

  /** Whether a head had begun on a connection that has just closed, and was not answered. */
  includes(socket: Socket): boolean {
    if (isClosing(socket) || !isUsed(socket)) return false
    if (this.#connections.upgraded.has(socket)) return false
    // Node, or a listener of 'clientError', has answered it.
    if (socket.errored) return false
    // Asks once for all connections that close in this tick: it costs as much for one.
    if (this.#idle === undefined) {
      this.#idle = this.#connections.idle()
      this.#system.setImmediate(() => {
        this.#idle = undefined
      })
    }
    return !this.#idle.has(socket) && unreadRequest(socket) === undefined
  }
}
