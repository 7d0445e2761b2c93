import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { currentResponse, hasUnflushed } from '../connections/exchange.ts'
import { closeMoved } from '../connections/moved.ts'
import { isUsed } from '../connections/mark-as-used.ts'
import { whenQuieter } from '../connections/when-quieter.ts'
import { movableHandleOf } from '../system/node-internals.ts'
import type { Release, System } from '../system/system.ts'
import { ConnectionOffers } from './connection-offers.ts'
import type { MigrationObserver, MigrationSource } from './migration-source.ts'
import type { Successor } from './successor.ts'
import { WarmUp } from './warm-up.ts'

/** A connection that could move now. */
interface Candidate {
  readonly socket: Socket
  readonly leaving: MigrationSource
  /** How much had been read from it by then. */
  readonly bytesRead: number
  /** Whether it has had a request already. */
  readonly used: boolean
}

/**
 * Moves the connections of some servers to the successor, each as soon as it is between two requests: no response in
 * flight, no byte of a next request read, nothing left to flush.
 *
 * The handle is sent, not the socket: sending a socket would make the server wait for the other process to close it,
 * and would free the parser before it is known that the connection has arrived. So until the successor has
 * taken it, a connection stays intact here but is not read; data that its client sends waits in the kernel
 * for the process that reads it next.
 */
export class Migration {
  readonly #system: System
  readonly #successor: Successor
  readonly #leaving: readonly MigrationSource[]
  readonly #candidates = new Set<Socket>()
  readonly #releases: Release[] = []
  readonly #offers: ConnectionOffers
  readonly #warmUp: WarmUp
  readonly #moves = new Set<Promise<void>>()
  #moved = 0
  #declined = 0
  #over = false
  #pumping = false
  readonly #kept = new WeakSet<Socket>()
  #onPassed: () => void = () => {}
  /** Resolves when every connection that could move at the start was offered once, or when none will be. */
  readonly passed: Promise<void> = new Promise((resolve) => {
    this.#onPassed = resolve
  })
  /** Connections that are checked again although no response ends on them. */
  readonly #awaited = new WeakSet<Socket>()
  #observer: MigrationObserver | undefined

  constructor(system: System, successor: Successor, leaving: readonly MigrationSource[]) {
    this.#system = system
    this.#successor = successor
    this.#offers = new ConnectionOffers(successor)
    this.#warmUp = new WarmUp(system)
    this.#leaving = leaving
  }

  /** How many connections the successor has taken. */
  get moved(): number {
    return this.#moved
  }

  /** How many it has declined. */
  get declined(): number {
    return this.#declined
  }

  /**
   * Begins to move connections, and goes on as they become idle until `dispose()`.
   * It ends by itself when the successor is gone; this process then serves the connections that were on
   * their way.
   */
  start(observer: MigrationObserver): void {
    this.#observer = observer
    this.#warmUp.begin()
    this.#releases.push(
      this.#offers.listen(),
      this.#successor.onGone(() => {
        if (!this.#over) this.dispose()
      }),
    )
    const servers = new Set<Server>(this.#leaving.flatMap(({ connections }) => connections.http ?? []))
    const onFinish = (exchange: unknown): void => {
      const { server, socket } = exchange as { server: Server; socket: Socket }
      if (servers.has(server)) this.#consider(socket)
    }
    subscribe('http.server.response.finish', onFinish)
    this.#releases.push(() => unsubscribe('http.server.response.finish', onFinish))
    for (const { connections } of this.#leaving) {
      const sockets = [...connections.sockets.keys()]
      // Also connections with a request in flight: its response is the last.
      this.#keep(
        connections,
        sockets.filter((socket) => movableHandleOf(socket) === undefined),
      )
      for (const socket of sockets) this.#consider(socket)
    }
    if (!this.#pumping) this.#onPassed()
  }

  dispose(): void {
    this.#over = true
    this.#offers.giveUp()
    this.#warmUp.end()
    for (const release of this.#releases.splice(0)) release()
  }

  #consider(socket: Socket): void {
    this.#candidates.add(socket)
    if (this.#pumping) return
    this.#pumping = true
    // After this tick: Node has more to do for a response that finishes, and the next request may already be
    // read.
    this.#system.setImmediate(() => void this.#pump())
  }

  #considerLater(socket: Socket): void {
    if (this.#awaited.has(socket)) return
    const isAwaited = whenQuieter(socket, () => {
      this.#awaited.delete(socket)
      if (!this.#over) this.#consider(socket)
    })
    if (isAwaited) this.#awaited.add(socket)
  }

  async #pump(): Promise<void> {
    while (this.#candidates.size > 0 && !this.#over) {
      const batch = this.#leaving.flatMap((leaving) => this.#ready(leaving))
      this.#candidates.clear()
      for (const candidate of batch) {
        const { socket, bytesRead } = candidate
        // Only as many as the channel takes at once: the others are served here until their turn comes.
        while (!this.#over && this.#offers.made >= this.#warmUp.allowance) await this.#warmUp.pause()
        if (this.#moves.size >= this.#successor.handlesAtOnce) await Promise.race(this.#moves)
        if (this.#over) break
        if (socket.destroyed || currentResponse(socket) !== undefined) continue
        // Other connections moved in the meantime. Bytes read since then may be a request, or an empty line,
        // which is none.
        if (socket.bytesRead !== bytesRead) {
          this.#consider(socket)
          continue
        }
        const move = this.#move(candidate).finally(() => this.#moves.delete(move))
        this.#moves.add(move)
      }
    }
    this.#pumping = false
    this.#onPassed()
  }

  /** Asks Node once for all candidates of a server: that costs as much for one as for all. */
  #ready(leaving: MigrationSource): Candidate[] {
    const { connections } = leaving
    const mine = [...this.#candidates].filter(
      (socket) => connections.sockets.has(socket) && !this.#kept.has(socket),
    )
    if (mine.length === 0) return []
    const idle = connections.idle()
    const able = mine.filter(
      (socket) => (idle.has(socket) || !isUsed(socket)) && !socket.destroyed && !hasUnflushed(socket),
    )
    // The others return here at the end of a response, except for those on which no response is due.
    for (const socket of mine) if (!idle.has(socket)) this.#considerLater(socket)
    this.#keep(
      connections,
      able.filter((socket) => movableHandleOf(socket) === undefined || !leaving.mayMove(socket)),
    )
    return able
      .filter((socket) => !this.#kept.has(socket))
      .map((socket) => ({ socket, leaving, bytesRead: socket.bytesRead, used: isUsed(socket) }))
  }

  /** Leaves connections to the drain, which ends them in this process. */
  #keep(connections: Connections, sockets: readonly Socket[]): void {
    for (const socket of sockets) this.#kept.add(socket)
    if (sockets.length > 0) this.#observer?.onKept(connections, sockets)
  }

  async #move({ socket, leaving, used }: Candidate): Promise<void> {
    const handle = movableHandleOf(socket)
    if (handle === undefined) return
    // A timeout of this process must not end it either while it is on its way.
    const { timeout = 0 } = socket
    socket.setTimeout(0)
    handle.readStop()
    const { connections, listener } = leaving
    const answer = await this.#offers.make(
      { listener, used, requests: connections.requests?.of(socket) ?? 0 },
      handle,
    )
    if (answer === 'taken') {
      this.#moved++
      closeMoved(socket)
      return
    }
    if (!socket.destroyed) {
      handle.readStart()
      socket.setTimeout(timeout)
    }
    if (answer === 'gone') return
    this.#declined++
    this.#kept.add(socket)
    if (answer === 'declined') this.#observer?.onDeclined(connections, socket)
    else this.#observer?.onNotListening(connections)
  }
}
