import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from '../../connections/connections.ts'
import { isOpenStream } from '../../connections/event-stream.ts'
import { currentResponse } from '../../connections/exchange.ts'
import type { Upgraded } from '../../connections/upgrades.ts'
import { ZerodropError } from '../../errors/zerodrop-error.ts'
import type { MovedCounts, StayedConnection, StayReason } from '../../events/drain-report.ts'
import type { Address } from '../../listeners/address.ts'
import type { Release, System } from '../../system/system.ts'
import type { Successor } from '../successor.ts'
import type { Handover } from './handover.ts'
import { LiveOffers } from './live-offers.ts'
import type { Departure, Move } from './move.ts'
import { StreamMove } from './stream-move.ts'
import { WebSocketMove } from './web-socket-move.ts'

/** How often busy connections are checked again, in milliseconds. */
const lookInterval = 20

/**
 * How many are on their way at once, if the channel takes more than one. This is more than for idle
 * connections: a slow successor does not delay these further, because it has to serve them next in any case.
 */
const window = 32

/** How long after the last WebSocket has moved the application may still send on it, in milliseconds. */
const lateTime = 500

/** One server whose connections may move, and the address by which the successor finds its own server. */
export interface LiveSource {
  readonly connections: Connections
  readonly listener: Address
  /** Why its connections can never move; undefined if they can. */
  readonly never: StayReason | undefined
  readonly mayMove: (socket: Socket) => boolean
}

export interface LiveObserver {
  /** A connection does not move: the drain has to notify it. */
  onStays(connections: Connections, socket: Socket, stayed: StayedConnection): void
  onWarning(error: ZerodropError): void
}

/** Moves the WebSockets and event streams of some servers to the successor, each as soon as it is at rest. */
export class LiveMigration {
  readonly #system: System
  readonly #successor: Successor
  readonly #handover: Handover
  readonly #leaving: readonly LiveSource[]
  readonly #moved = { websockets: 0, streams: 0 }
  readonly #stayed: StayedConnection[] = []
  readonly #moves = new Map<Move, LiveSource>()
  readonly #found = new WeakSet<object>()
  readonly #offers: LiveOffers
  readonly #underWay = new Map<Promise<void>, Socket>()
  readonly #releases: Release[] = []
  readonly #warned = new Set<string>()
  #observer: LiveObserver | undefined
  #lastMoved: number | undefined
  #looking: Release | undefined
  #over = false

  constructor(system: System, successor: Successor, handover: Handover, leaving: readonly LiveSource[]) {
    this.#system = system
    this.#successor = successor
    this.#offers = new LiveOffers(successor)
    this.#handover = handover
    this.#leaving = leaving
  }

  /** How many the successor has taken. */
  get moved(): MovedCounts {
    return { ...this.#moved }
  }

  /** The connections that stayed here, each with the reason. */
  get stayed(): readonly StayedConnection[] {
    return this.#stayed
  }

  /** Whether a connection may still move. */
  leaves({ socket, protocol }: Upgraded): boolean {
    const leaving = this.#leavingOf(socket)
    if (protocol !== 'websocket' || leaving === undefined || leaving.never !== undefined || this.#over)
      return false
    return this.#handover.takes.webSockets.length > 0
  }

  /** The same for a request under way: it is, or may become, an event stream. */
  isLeaving(request: IncomingMessage): boolean {
    const { socket } = request
    const leaving = this.#leavingOf(socket)
    if (leaving === undefined || leaving.never !== undefined || this.#over) return false
    if (leaving.connections.upgraded.has(socket)) return this.#handover.takes.webSockets.length > 0
    const response = currentResponse(socket)
    return response?.req === request && isOpenStream(response) && this.#handover.takes.streams
  }

  isUnderWay(socket: Socket): boolean {
    return [...this.#underWay.values()].includes(socket)
  }

  /** Begins to move them, and goes on until `dispose()`. */
  start(observer: LiveObserver): void {
    this.#observer = observer
    const { webSockets, streams } = this.#handover.takes
    if (this.#over || (webSockets.length === 0 && !streams)) return
    this.#releases.push(
      this.#offers.listen(),
      this.#successor.onGone(() => this.dispose()),
    )
    this.#look()
  }

  /** Resolves when the application has had time for late sends. */
  async quiet(): Promise<void> {
    const left = (): number => (this.#lastMoved ?? -Infinity) + lateTime - this.#system.now()
    while (left() > 0) await new Promise<void>((resolve) => void this.#system.setTimeout(resolve, left()))
  }

  dispose(): void {
    if (this.#over) return
    this.#over = true
    this.#looking?.()
    this.#offers.giveUp()
    for (const move of this.#moves.keys()) move.dispose()
    this.#moves.clear()
    for (const release of this.#releases.splice(0)) release()
  }

  #look(): void {
    for (const leaving of this.#leaving) this.#find(leaving)
    void this.#pump().then(() => {
      if (!this.#over) this.#looking = this.#system.setTimeout(() => this.#look(), lookInterval)
    })
  }

  /** Finds connections that could move and are not known yet. */
  #find(leaving: LiveSource): void {
    const { connections } = leaving
    const { takes } = this.#handover
    const context = {
      system: this.#system,
      handover: this.#handover,
      takesName: (name: string) => this.#successor.takes.webSockets.includes(name),
      takesStreams: () => this.#successor.takes.streams,
      onWarning: (code: 'ERR_ZERODROP_WEBSOCKETS_UNKNOWN' | 'ERR_ZERODROP_SAVE_FAILED', cause?: unknown) =>
        this.#warn(code, cause),
    }
    if (takes.webSockets.length > 0)
      for (const upgraded of connections.upgraded.values())
        if (upgraded.protocol === 'websocket' && !this.#found.has(upgraded))
          this.#add(upgraded, new WebSocketMove(upgraded, context), leaving)
    if (!takes.streams) return
    for (const socket of connections.sockets.keys()) {
      const response = currentResponse(socket)
      if (isOpenStream(response) && !this.#found.has(response))
        this.#add(response, new StreamMove(connections.server, response, context), leaving)
    }
  }

  #add(what: object, move: Move, leaving: LiveSource): void {
    this.#found.add(what)
    this.#moves.set(move, leaving)
  }

  async #pump(): Promise<void> {
    for (const [move, leaving] of this.#moves) {
      // The others are served here until their turn comes.
      if (this.#underWay.size >= this.#atOnce) await Promise.race(this.#underWay.keys())
      if (this.#over) return
      try {
        this.#try(move, leaving)
      } catch (error) {
        // It reads private fields of a library, whose next version may change them.
        this.#moves.delete(move)
        move.dispose()
        this.#warn('ERR_ZERODROP_WEBSOCKETS_UNKNOWN', error)
        this.#stays(move, leaving, 'other-version')
      }
    }
  }

  get #atOnce(): number {
    return this.#successor.handlesAtOnce === 1 ? 1 : window
  }

  #try(move: Move, leaving: LiveSource): void {
    const verdict = leaving.never ?? (leaving.mayMove(move.socket) ? move.look() : 'migrate')
    if (verdict === 'busy') return
    this.#moves.delete(move)
    if (verdict === 'over') return
    const departure = verdict === 'ready' ? move.depart() : verdict
    if (typeof departure === 'string') {
      move.dispose()
      this.#stays(move, leaving, departure)
      return
    }
    const underWay = this.#send(move, leaving, departure).finally(() => this.#underWay.delete(underWay))
    this.#underWay.set(underWay, move.socket)
  }

  async #send(move: Move, leaving: LiveSource, departure: Departure): Promise<void> {
    const { id, answer } = await this.#offers.make(leaving.listener, departure)
    if (answer === 'taken') {
      this.#moved[move.kind === 'stream' ? 'streams' : 'websockets']++
      this.#lastMoved = this.#system.now()
      departure.taken((call) => {
        this.#lastMoved = this.#system.now()
        this.#offers.sendLate(id, call)
      })
      return
    }
    move.dispose()
    try {
      departure.stays()
    } catch (error) {
      this.#warn('ERR_ZERODROP_SAVE_FAILED', error)
    }
    if (answer === 'declined') this.#stays(move, leaving, 'declined')
  }

  #stays({ kind, socket, target }: Move, { connections }: LiveSource, reason: StayReason): void {
    const { remoteAddress, remotePort } = socket
    const stayed: StayedConnection = {
      kind,
      reason,
      ...target,
      ...(remoteAddress && { remoteAddress }),
      ...(remotePort && { remotePort }),
    }
    this.#stayed.push(stayed)
    this.#observer?.onStays(connections, socket, stayed)
  }

  #leavingOf(socket: Socket): LiveSource | undefined {
    return this.#leaving.find(
      ({ connections }) => connections.upgraded.has(socket) || connections.sockets.has(socket),
    )
  }

  #warn(code: 'ERR_ZERODROP_WEBSOCKETS_UNKNOWN' | 'ERR_ZERODROP_SAVE_FAILED', cause: unknown): void {
    const own = cause instanceof ZerodropError ? cause : undefined
    if (this.#warned.has(own?.code ?? code)) return
    this.#warned.add(own?.code ?? code)
    const text =
      code === 'ERR_ZERODROP_WEBSOCKETS_UNKNOWN'
        ? 'zerodrop does not understand the version of ws whose WebSockets are to move: they stay in this process and are closed with 1012. Use ws 7.5 or 8, or a newer zerodrop.'
        : 'The function "match", "stay" or "isAtRest" of the handover threw: its connection stays in this process. This is reported once.'
    this.#observer?.onWarning(own ?? new ZerodropError(code, text, { cause }))
  }
}
