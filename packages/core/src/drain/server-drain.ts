import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { Release, System } from '../system/system.ts'
import type { DrainingSignals } from './draining-signals.ts'
import { type Exchange, followExchanges } from './follow-exchanges.ts'
import { holdConnections } from './hold-connections.ts'
import { createParts, type Parts } from './parts.ts'
import { Remainder } from './remainder.ts'
import type { ServerDrainOptions } from './server-drain-options.ts'
import { closeListener, stopAccepting } from './stop-accepting.ts'
import type { Tally } from './tally.ts'

/** Ends one server, in steps that its owner takes: announce, stop accepting, linger, and at the deadline cut. */
export class ServerDrain {
  readonly connections: Connections
  /** How its requests have ended. */
  readonly tally: Tally
  /** How many new connections the kernel may have reset. */
  reset = 0
  readonly #parts: Parts
  readonly #remainder: Remainder
  readonly #releases: Release[] = []
  #started = false
  #announced = false
  #hurried = false
  #stopped: Promise<void> | undefined

  constructor(
    system: System,
    connections: Connections,
    signals: DrainingSignals,
    options: ServerDrainOptions,
  ) {
    this.#parts = createParts(system, connections, signals, options)
    this.#remainder = new Remainder(this.#parts)
    this.connections = connections
    this.tally = this.#parts.tally
  }

  get websockets(): number {
    return this.#parts.upgraded.told
  }

  /** Whether new requests are answered with `Connection: close`, or refused. */
  get announced(): boolean {
    return this.#announced
  }

  /** The same for one connection: it may be one that drains while others move. */
  tells(socket: Socket): boolean {
    return this.#announced || this.#parts.http1.keeps(socket)
  }

  /** Whether its idle connections leave for a successor. */
  get migrates(): boolean {
    return this.#parts.options.migrates && !this.#announced
  }

  /** Begins: long streams and WebSockets are told, and so is every client whose connection ends with this process. */
  start(): void {
    if (this.#started) return
    this.#started = true
    const { attempts, clock, connections, http1Requests, http2, http2Requests } = this.#parts
    const { options, signals, upgraded } = this.#parts
    clock.start()
    connections.track()
    http1Requests.start()
    this.#releases.push(
      holdConnections(connections.server),
      followExchanges(connections.server, {
        onStart: attempts.guard('following a request', (exchange) => this.#onStart(exchange)),
        onFinish: attempts.guard('following a request', (exchange) => this.#onFinish(exchange)),
      }),
    )
    attempts.run('telling the clients of HTTP/1', () => {
      if (!options.migrates) this.announce()
    })
    attempts.run('telling the clients of HTTP/2', () => {
      if (!connections.http2) return
      http2Requests.start()
      http2.announce()
    })
    attempts.run('telling WebSockets', () => upgraded.start(options.closeSpread))
    attempts.run('telling long streams', () =>
      signals.abort(connections.server, (request) => options.departures?.isLeaving(request) === true),
    )
  }

  /** Tells the clients of HTTP/1. Once: for connections that were to migrate and no longer can it comes later. */
  announce(): void {
    if (this.#announced) return
    this.#announced = true
    this.#parts.http1.announce(this.#parts.options.policy)
    this.#parts.linger.announce()
  }

  /**
   * Drains connections that were to move and may not, as a stop would: from here on they are told, and they linger.
   */
  keep(sockets: readonly Socket[]): void {
    this.#parts.http1.keep(this.#parts.options.policy, sockets)
    this.#parts.linger.keep(sockets)
  }

  /** What was to leave on this connection does not: it is told of the drain after all. */
  stays(socket: Socket): void {
    this.#parts.upgraded.stays(socket)
    this.#parts.signals.abortOn(socket)
  }

  /** The same for all. */
  allStay(): void {
    this.#parts.upgraded.allStay()
    this.#parts.signals.abort(this.connections.server)
  }

  /** @param successor whether another process has the listening socket too, so that closing it here loses nothing. */
  stopAccepting(successor: boolean): Promise<void> {
    this.#stopped ??= this.#stopAccepting(successor)
    return this.#stopped
  }

  /** Closes the listening socket without waiting until its accept queue is empty. */
  hurry(): void {
    this.#hurried = true
  }

  /** Ends the connections that nothing more comes on, each when its time is over. */
  linger(): void {
    this.#parts.linger.begin()
  }

  /** Calls back, once, when no connection is left that a new request may come on, or when the linger is over. */
  onSettled(listener: () => void): void {
    const { linger, settling } = this.#parts
    linger.after(linger.timeout, settling.onSettled(listener))
  }

  /** What it waits for: everything that is under way. */
  underWay(): CutConnection[] {
    return this.#remainder.describe()
  }

  /** Cuts what is left, except for what leaves for a successor. */
  force(forced: boolean): readonly CutConnection[] {
    return this.#remainder.force(forced, this.migrates)
  }

  /** Destroys what is left because it has not moved for too long. */
  giveUpMoving(): void {
    this.#remainder.giveUpMoving()
  }

  /** Destroys what is left. */
  destroy(): void {
    this.#remainder.destroy()
  }

  dispose(): void {
    const { attempts, http1, http1Requests, http2, http2Requests, linger, settling, upgraded } = this.#parts
    settling.dispose()
    for (const release of this.#releases.splice(0)) attempts.run('giving a server back', release)
    for (const part of [linger, http1Requests, http2Requests, http1, http2, upgraded])
      attempts.run('giving a server back', () => part.dispose())
  }

  async #stopAccepting(successor: boolean): Promise<void> {
    const { attempts, connections, linger, options, system } = this.#parts
    const { server } = connections
    if (successor) closeListener(server)
    if (!server.listening) return
    attempts.run('taking a server off its address', () => options.onStopping())
    const stopped = await attempts.wait('accepting what was queued', () =>
      stopAccepting(connections, system, () => this.#hurried),
    )
    this.reset = stopped?.reset ?? 0
    linger.acceptedMore = stopped?.acceptedMore ?? false
    closeListener(server)
  }

  #onStart({ request, response }: Exchange): void {
    const { clock, http1, http1Requests, settling } = this.#parts
    clock.begin(request)
    if (!this.tells(request.socket) || http1.onRequest(response)) http1Requests.begin(request, response)
    settling.check()
  }

  #onFinish({ socket, request, response }: Exchange): void {
    this.#parts.http1Requests.finish(request, response, socket)
    if (this.tells(socket)) this.#parts.http1.onFinish(socket, response)
  }
}
