import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server, Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { markAsUsed } from '../connections/mark-as-used.ts'
import type { Address } from '../listeners/address.ts'
import { acceptHandle, canAcceptHandle } from '../system/node-internals.ts'
import type { Release, System } from '../system/system.ts'
import type { Predecessor } from './predecessor.ts'

/**
 * Whether this process takes a connection: it declines if the server is full, or if none listens at the
 * address.
 */
type Answer = 'taken' | 'full' | 'nobody'

/**
 * The successor's side of a migration: takes each connection that the predecessor sends to the server of its address,
 * through the function with which Node takes one from the kernel, so that Node counts and treats it like its
 * own.
 */
export class Arrivals {
  readonly #system: System
  #answers: Record<Answer, number[]> = { taken: [], full: [], nobody: [] }
  /** Connections that were taken and have not had a request here yet. */
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

  /**
   * Sends one message for all connections of an event loop tick: one message each would cost as much as the
   * connections.
   */
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
    // An unused connection needs nothing: Node treats it as a client that has just connected.
    if (!used) return true
    markAsUsed(socket)
    this.#expireLikeIdle(server, socket)
    return true
  }

  /** Starts `keepAliveTimeout`, as after a response, until the next request of the connection begins. */
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
    // Node does this itself when a request follows a response.
    socket.setTimeout((socket as Socket & { server?: { timeout?: number } }).server?.timeout ?? 0)
    if (this.#quiet.size === 0) unsubscribe('http.server.request.start', this.#onRequest)
  }
}

/** The history of a connection in the predecessor. */
interface ConnectionPast {
  readonly used: boolean
  readonly requests: number
}

interface KeepAlive {
  readonly keepAliveTimeout?: number
  /** Since Node 20.19 and 22.12: how much longer Node waits than it has announced to the client. */
  readonly keepAliveTimeoutBuffer?: number
}
