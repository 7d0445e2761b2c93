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

/**
 * Ends one server. Its owner calls the steps: announce, stop accepting, linger, and at the deadline force.
 */
export class ServerDrain {
  readonly connections: Connections
  /** Counts how the server's requests have ended. */
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

  /** The same for one connection, which may drain while others move. */
  tells(socket: Socket): boolean {
    return this.#announced || this.#parts.http1.keeps(socket)
  }

  /** Whether its idle connections move to a successor. */
  get migrates(): boolean {
    return this.#parts.options.migrates && !this.#announced
  }

  /**
   * Begins: notifies long streams and WebSockets, and every client whose connection ends with this process.
   */
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

  /**
   * Announces the drain to HTTP/1 clients, once. For connections that were to move and no longer can, this
   * comes later.
   */
  announce(): void {
    if (this.#announced) return
    this.#announced = true
    this.#parts.http1.announce(this.#parts.options.policy)
    this.#parts.linger.announce()
  }

  /**
   * Drains connections that were to move and may not, as at a stop: from here on they say `Connection:
   * close`, and they linger.
   */
  keep(sockets: readonly Socket[]): void {
    this.#parts.http1.keep(this.#parts.options.policy, sockets)
    this.#parts.linger.keep(sockets)
  }

  /** The WebSocket or event stream of this connection does not move: the drain notifies it after all. */
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

  /** Ends the idle connections, each after its time. */
  linger(): void {
    this.#parts.linger.begin()
  }

  /** Calls back, once, when no connection can bring a new request, or when the linger is over. */
  onSettled(listener: () => void): void {
    const { linger, settling } = this.#parts
    linger.after(linger.timeout, settling.onSettled(listener))
  }

  /** Describes everything in flight, which the drain waits for. */
  underWay(): CutConnection[] {
    return this.#remainder.describe()
  }

  /** Cuts the rest, except for connections that are moving to a successor. */
  force(forced: boolean): readonly CutConnection[] {
    return this.#remainder.force(forced, this.migrates)
  }

  /** Destroys connections that have not moved for too long. */
  giveUpMoving(): void {
    this.#remainder.giveUpMoving()
  }

  /** Destroys the connections that are left. */
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
