import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server } from 'node:net'
import type { InheritedTicketKeys } from '../handover/ticket-keys.ts'
import type { Listener, ListenMessage } from '../listeners/listener.ts'
import type { Openings } from '../listeners/openings.ts'
import type { DrainGroup } from '../servers/drain-group.ts'
import type { ListeningHandle } from '../system/node-internals.ts'
import type { Configuration } from './configuration.ts'
import type { Context } from './context.ts'
import type { Ending } from './ending.ts'
import type { HealthService } from './health-service.ts'
import type { Kept } from './kept.ts'
import type { ProbedServers } from './probed-servers.ts'
import type { Readiness } from './readiness.ts'
import type { SignalReactions } from './signal-reactions.ts'
import type { Succession } from './succession.ts'

export interface ServingParts {
  readonly configuration: Configuration
  readonly openings: Openings
  readonly health: HealthService
  readonly readiness: Readiness
  readonly probed: ProbedServers
  readonly succession: Succession
  readonly ending: Ending
  readonly reactions: SignalReactions
  readonly ticketKeys: InheritedTicketKeys | undefined
  readonly kept: Kept | undefined
  /** Whether the socket of an address came from the predecessor. */
  readonly isInherited: (address: string | undefined) => boolean
}

/** Follows the sockets of this process as they open and close: the first one makes it serve, the last one ends that. */
export class Serving {
  readonly #context: Context
  readonly #parts: ServingParts
  #watching = false

  constructor(context: Context, parts: ServingParts) {
    this.#context = context
    this.#parts = parts
  }

  /** Begins to follow them. Calling it again does nothing. */
  watch(): void {
    if (this.#watching) return
    this.#watching = true
    const { datagrams, listeners, reporter, system, workers } = this.#context
    const { health, openings, succession } = this.#parts
    listeners.watch({
      onStart: ({ server, options }: ListenMessage) => {
        if (!health.owns(server)) openings.listen(server, options)
      },
      onFailed: (server) => openings.fail(server),
      onListening: (listener) => this.#onListening(listener),
      onClosed: (server) => this.#onClosed(server),
      onWarning: (warning) => reporter.warn(warning),
      onNotHeld: (address) => succession.onNotHeld(address),
      onClusterListening: (handle: ListeningHandle) => workers.addHandle(handle),
    })
    this.#watchCluster()
    if (system.incapacity !== undefined) return
    datagrams.watch({
      onBinding: (socket) => openings.bind(socket),
      onFailed: (socket) => openings.fail(socket),
      onBound: (socket: DatagramSocket) => {
        this.#onBound()
        openings.succeed(socket)
      },
      onClosed: () => this.onGone(),
      onWarning: (warning) => reporter.warn(warning),
    })
  }

  /** The drain of servers that the application closes together; undefined if they need none. */
  close(server: Server, together: readonly Server[]): DrainGroup | undefined {
    const { drains, servers, settings } = this.#context
    if (!this.#parts.configuration.configured) return undefined
    this.#parts.kept?.onClosing(server)
    const open = together.flatMap((each) => servers.get(each) ?? [])
    return drains.close(server, [...open, ...servers.fedOnlyBy(together)], settings)
  }

  /** A socket of this process has closed, or zerodrop no longer manages it. */
  onGone(): void {
    const { state } = this.#context
    this.#parts.kept?.update()
    if (!this.#isIdle) return
    this.#parts.readiness.reset()
    if (state.current === 'serving') state.to('starting')
  }

  /** A primary of node:cluster serves as long as one of its workers does, and a worker outlives its primary. */
  #watchCluster(): void {
    const { state, system, workers } = this.#context
    const { configuration, ending, reactions } = this.#parts
    workers.watch((listens) => {
      if (listens) this.#onBound()
      else this.onGone()
      reactions.update()
    })
    // Shows whether this primary answers at all, which decides how a worker interprets its silence later.
    system.cluster.askPrimary(() => {})
    system.cluster.onPrimaryGone(() => {
      if (!configuration.configured || state.current === 'starting') return false
      void ending.shutdownAndExit("the end of the cluster's primary", this.#context.settings, undefined)
      return true
    })
  }

  #onListening(listener: Listener): void {
    const { server } = listener
    const { drains, reporter, servers } = this.#context
    const { health, isInherited, kept, openings, probed, ticketKeys } = this.#parts
    const isOwn = health.owns(server)
    drains.onListening(server)
    for (const fed of servers.fedBy(server)) drains.onListening(fed.server)
    servers.add(listener, isOwn, () => this.close(server, [server])?.closed(server))
    ticketKeys?.onListening(server)
    probed.update()
    const address = servers.get(server)?.address
    if (address !== undefined) reporter.tell('listening', { address, inherited: isInherited(address) })
    if (isOwn) kept?.update()
    else this.#onBound()
    openings.succeed(server)
  }

  /** Another socket of this process is open to clients. */
  #onBound(): void {
    const { state, system } = this.#context
    const { kept, readiness } = this.#parts
    if (state.current === 'starting') state.to('serving')
    const { isDeclared } = readiness
    // After the tick in which the application opens its servers, so that all servers opened together count.
    system.setImmediate(() => {
      // It was a probe, and has closed.
      if (this.#isIdle) return
      kept?.onListening()
      if (isDeclared) readiness.onListening()
    })
  }

  /** Whether no socket of the application is open to clients. */
  get #isIdle(): boolean {
    const { datagrams, servers, workers } = this.#context
    return !servers.isServing && datagrams.size === 0 && workers.size === 0
  }

  #onClosed(server: Server): void {
    const { servers } = this.#context
    const drain = servers.get(server)?.drain
    // Node counts only connections that it has accepted itself: connections from `emit('connection')`
    // continue to drain.
    if (drain !== undefined && drain.connections.size > 0) {
      void drain.connections.empty().then(() => this.#onClosed(server))
      return
    }
    if (server.listening) return
    servers.delete(server)
    this.onGone()
  }
}
