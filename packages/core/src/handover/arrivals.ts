import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server, Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { markAsUsed } from '../connections/mark-as-used.ts'
import type { Address } from '../listeners/address.ts'
import { acceptHandle, canAcceptHandle } from '../system/node-internals.ts'
import type { Release, System } from '../system/system.ts'
import type { Predecessor } from './predecessor.ts'

/** What becomes of a connection here: declined if its server is full, or nobody listens at its address. */
type Answer = 'taken' | 'full' | 'nobody'

/**
 * The successor's side of a migration: takes each connection that the predecessor sends to the server of its address,
 * through the very function by which Node takes one from the kernel, so that it is counted and treated like its own.
 */
export class Arrivals {
  readonly #system: System
  #answers: Record<Answer, number[]> = { taken: [], full: [], nobody: [] }
  /** Taken, and without a request of their own so far. */
  readonly #quiet = new Set<Socket>()
  #taken = 0
  readonly #onRequest = (exchange: unknown): void => this.#awake((exchange as { socket: Socket }).socket)

  constructor(system: System) {
    this.#system = system
  }

  /** How many connections were taken. */
  get taken(): number {
    return this.#taken
  }

  /** @param find the connections of the listening server of an address */
  listen(predecessor: Predecessor, find: (listener: Address) => Connections | undefined): Release {
    return predecessor.on('connection', (body, handle) => {
      const connections = find(body.listener)
      const taken = connections !== undefined && this.#take(connections, handle, body)
      if (taken) this.#taken++
      else (handle as { close?(): void } | undefined)?.close?.()
      this.#answer(predecessor, taken ? 'taken' : connections === undefined ? 'nobody' : 'full', body.id)
    })
  }

  /** Together for all that one event loop tick brings: a message for each costs as much as taking the connection. */
  #answer(predecessor: Predecessor, answer: Answer, id: number): void {
    const lists = Object.values(this.#answers)
    if (lists.every(({ length }) => length === 0)) this.#system.setImmediate(() => this.#flush(predecessor))
    this.#answers[answer].push(id)
  }

  #flush(predecessor: Predecessor): void {
    const { taken, full, nobody } = this.#answers
    this.#answers = { taken: [], full: [], nobody: [] }
    if (taken.length > 0) predecessor.sendTaken(taken)
    if (full.length > 0) predecessor.sendDeclined(full, true)
    if (nobody.length > 0) predecessor.sendDeclined(nobody, false)
  }

  #take(
    { server, requests }: Connections,
    handle: unknown,
    { used, requests: count }: ConnectionPast,
  ): boolean {
    if (handle === undefined || !canAcceptHandle(server)) return false
    const socket = acceptHandle(server, handle)
    if (socket === undefined || socket.destroyed) return true
    requests?.inherit(socket, count)
    // One that was never used is what Node takes it for: a client that has connected and says nothing.
    if (!used) return true
    markAsUsed(socket)
    this.#expireLikeIdle(server, socket)
    return true
  }

  /** `keepAliveTimeout` runs, as it does behind a response, until the next request of the connection begins. */
  #expireLikeIdle(server: Server, socket: Socket): void {
    const { keepAliveTimeout = 0, keepAliveTimeoutBuffer = 1000 } = server as Server & KeepAlive
    if (keepAliveTimeout === 0) return
    if (this.#quiet.size === 0) subscribe('http.server.request.start', this.#onRequest)
    this.#quiet.add(socket)
    socket.setTimeout(keepAliveTimeout + keepAliveTimeoutBuffer)
    socket.once('close', () => this.#awake(socket))
  }

  #awake(socket: Socket): void {
    if (!this.#quiet.delete(socket)) return
    // What Node does itself when a request follows a response.
    socket.setTimeout((socket as Socket & { server?: { timeout?: number } }).server?.timeout ?? 0)
    if (this.#quiet.size === 0) unsubscribe('http.server.request.start', this.#onRequest)
  }
}

/** What a connection has seen in the predecessor. */
interface ConnectionPast {
  readonly used: boolean
  readonly requests: number
}

interface KeepAlive {
  readonly keepAliveTimeout?: number
  /** Since Node 20.19 and 22.12: what Node waits beyond what it has told the client. */
  readonly keepAliveTimeoutBuffer?: number
}
