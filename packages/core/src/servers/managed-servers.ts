import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import { Connections } from '../connections/connections.ts'
import { serverOf } from '../connections/exchange.ts'
import { listConnections } from '../connections/list.ts'
import type { DrainingSignals } from '../drain/draining-signals.ts'
import type { DrainingPolicy } from '../drain/refusal.ts'
import { type Departures, ServerDrain } from '../drain/server-drain.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { CloseCode } from '../drain/upgraded-drain.ts'
import { type Address, boundAddress } from '../listeners/address.ts'
import type { Listener } from '../listeners/listeners.ts'
import type { UnixPath } from '../listeners/unix-path.ts'
import type { Attempts } from '../errors/attempts.ts'
import { ownerOf, trackConnections } from '../system/node-internals.ts'
import type { Release, System } from '../system/system.ts'
import type { MigrationPolicy, Settings } from '../options/options.ts'
import { drainOnClose } from './server-close.ts'

/** How one drain differs from another. */
export interface DrainManner {
  readonly settings: Settings
  readonly closeCode: CloseCode
  /** Whether HTTP/1 connections of this server leave for a successor. */
  readonly migrates: (connections: Connections) => boolean
  readonly departures?: Departures | undefined
}

type OnCut = (connection: CutConnection, forced: boolean) => void

interface Managed {
  readonly connections: Connections
  address: Address | undefined
  /** Whether it serves until the process ends: a drain leaves it alone. */
  readonly lasting: boolean
  unixPath: UnixPath | undefined
  /** Whether its address was asked for: a test's server on port 0 has no clients that come back. */
  fixed: boolean
  release: Release
  /** The servers that pass connections on to it, if it does not listen itself. */
  fedBy: Set<Server> | undefined
  drain?: ServerDrain
}

/** Every listening server of the process, with its connections and, once it ends, its drain. */
export class ManagedServers {
  readonly #system: System
  readonly #signals: DrainingSignals
  readonly #isPredecessors: (address: Address) => boolean
  readonly #servers = new Map<Server, Managed>()
  readonly #policies = new WeakMap<Server, DrainingPolicy<IncomingMessage>>()
  readonly #migrationPolicies = new WeakMap<Server, MigrationPolicy>()
  /** Those that are the application's own affair. */
  readonly #ignored = new WeakSet<Server>()
  #draining = 0

  /** @param isPredecessors whether the predecessor serves at an address, and goes on when this process ends */
  constructor(system: System, signals: DrainingSignals, isPredecessors: (address: Address) => boolean) {
    this.#system = system
    this.#signals = signals
    this.#isPredecessors = isPredecessors
  }

  get servers(): Server[] {
    return [...this.#servers.keys()]
  }

  /** Those that a stop drains. */
  get mortal(): Server[] {
    return [...this.#servers].filter(([, { lasting }]) => !lasting).map(([server]) => server)
  }

  /** The connections of all, whether a stop drains them or not. */
  get all(): Connections[] {
    return [...this.#servers.values()].map(({ connections }) => connections)
  }

  /** The connections of those that a stop drains. */
  get connections(): Connections[] {
    return [...this.#servers.values()].flatMap(({ connections, lasting }) => (lasting ? [] : [connections]))
  }

  /** @param onClose what the server's `close()` does: see `drainOnClose` */
  add(
    { server, requested, unixPath, fresh }: Listener,
    lasting: boolean,
    onClose: () => Promise<unknown> | undefined,
  ): void {
    const address = boundAddress(server)
    const fixed = requested !== undefined
    const known = this.#servers.get(server)
    if (known !== undefined) {
      // It listens again before its last connection has ended.
      if (known.fedBy !== undefined) known.release = both(known.release, drainOnClose(server, onClose))
      Object.assign(known, { address, unixPath, fixed, fedBy: undefined })
      known.connections.onListening()
      return
    }
    const release = drainOnClose(server, onClose)
    const connections = new Connections(server, () => this.#system.now(), fresh)
    // An application sets a limit on what listen() returns.
    this.#system.setImmediate(() => {
      if (this.get(server) === connections) connections.requests?.start()
    })
    this.#servers.set(server, { connections, address, lasting, unixPath, fixed, release, fedBy: undefined })
  }

  /**
   * Adds a server that does not listen and is being given its first connection by other code.
   * @returns false for a server of which the connections cannot be known
   */
  addFed(server: Server, first: Socket): boolean {
    if (this.#ignored.has(server)) return true
    if (this.#servers.has(server) || !canBeFed(server)) return false
    const connections = new Connections(server, () => this.#system.now())
    const fedBy = new Set<Server>()
    const take = (socket: Socket): void => {
      // A connection belongs to one server only: the one that has accepted it would drain it as well.
      const owner = ownerOf(socket)
      if (owner === undefined || owner === server) return
      fedBy.add(owner)
      this.get(owner)?.disown(socket)
    }
    // Before Node makes it a connection of this server.
    server.prependListener('connection', take)
    const release = (): void => void server.off('connection', take)
    connections.adopt(first)
    take(first)
    connections.requests?.start()
    this.#servers.set(server, {
      connections,
      address: undefined,
      lasting: false,
      unixPath: undefined,
      fixed: false,
      release,
      fedBy,
    })
    return true
  }

  /** Whether a server does not listen, and other code gives it its connections. */
  isFed(server: Server): boolean {
    return this.#servers.get(server)?.fedBy !== undefined
  }

  /** The servers that one passes connections on to. */
  fedBy(server: Server): Server[] {
    return [...this.#servers].filter(([, { fedBy }]) => fedBy?.has(server) === true).map(([fed]) => fed)
  }

  /** Those that no other listening server passes connections on to: when these close, they have to end as well. */
  fedOnlyBy(servers: readonly Server[]): Server[] {
    return servers
      .flatMap((server) => this.fedBy(server))
      .filter((fed, index, all) => {
        const owners = this.#servers.get(fed)?.fedBy ?? []
        return (
          all.indexOf(fed) === index && [...owners].every((each) => servers.includes(each) || !each.listening)
        )
      })
  }

  /** Whether a server of the application listens, or did until its drain. */
  get isServing(): boolean {
    return this.mortal.some((server) => !this.isFed(server))
  }

  /** Takes care of a server no more. A drain that has begun goes on to its end. */
  ignore(server: Server): void {
    this.#ignored.add(server)
    if (this.#servers.get(server)?.drain === undefined) this.delete(server)
  }

  delete(server: Server): void {
    const managed = this.#servers.get(server)
    if (managed === undefined) return
    managed.release()
    managed.connections.requests?.stop()
    managed.connections.dispose()
    // Its drain ends by itself: Node emits 'close' of the server before that of its last connection.
    if (managed.drain !== undefined) this.#draining--
    this.#servers.delete(server)
  }

  /** Ends connections that were to move and may not. */
  keep(server: Server, sockets: readonly Socket[]): void {
    this.#servers.get(server)?.drain?.keep(sockets)
  }

  /** Tells a WebSocket or an event stream of the drain that was to leave and does not; without a socket all of them. */
  stays(server: Server, socket?: Socket): void {
    const drain = this.#servers.get(server)?.drain
    if (socket === undefined) drain?.allStay()
    else drain?.stays(socket)
  }

  /** Tells the clients of a server whose connections were to move, and no longer can. */
  announce(server: Server): void {
    this.#servers.get(server)?.drain?.announce()
  }

  /** Forgets the drain of a server, which then is as if none had begun. */
  forgetDrain(server: Server): void {
    const managed = this.#servers.get(server)
    if (managed?.drain === undefined) return
    managed.drain.dispose()
    delete managed.drain
    this.#draining--
  }

  /** The connections of the server that listens at an address. */
  at(address: Address): Connections | undefined {
    for (const [server, managed] of this.#servers)
      if (managed.address === address && server.listening) return managed.connections
    return undefined
  }

  get(server: Server): Connections | undefined {
    return this.#servers.get(server)?.connections
  }

  /** Where a server listens, or listened before its drain. */
  addressOf(server: Server): Address | undefined {
    return this.#servers.get(server)?.address
  }

  /** The drain of a server, if it has begun. */
  drainOf(server: Server): ServerDrain | undefined {
    return this.#servers.get(server)?.drain
  }

  isFixed(server: Server): boolean {
    return this.#servers.get(server)?.fixed === true
  }

  setPolicy(server: Server, policy: DrainingPolicy<IncomingMessage>): void {
    this.#policies.set(server, policy)
  }

  setMigrationPolicy(server: Server, policy: MigrationPolicy): void {
    this.#migrationPolicies.set(server, policy)
  }

  /** What was said of this server; undefined if nothing was. */
  migrationPolicy(server: Server): MigrationPolicy | undefined {
    return this.#migrationPolicies.get(server)
  }

  /** The drain of a server: begun earlier, or made now in this manner. */
  drain(
    server: Server,
    { settings, closeCode, migrates, departures }: DrainManner,
    { onCut, attempts }: { readonly onCut: OnCut; readonly attempts: Attempts },
  ): ServerDrain | undefined {
    const managed = this.#servers.get(server)
    if (managed === undefined) return undefined
    if (managed.drain !== undefined) return managed.drain
    const { lingerTimeout, firstRequestTimeout, closeSpread, drainTimeout } = settings
    this.#draining++
    managed.drain = new ServerDrain(this.#system, managed.connections, this.#signals, {
      lingerTimeout,
      firstRequestTimeout,
      closeSpread: Math.min(closeSpread, drainTimeout / 2),
      closeCode,
      policy: this.#policies.get(server) ?? 'serve',
      migrates: migrates(managed.connections),
      onCut,
      attempts,
      departures,
      onStopping: () => this.#removePath(managed),
    })
    return managed.drain
  }

  /** A server that never had a connection is about to be closed: nothing of it has to end. */
  closeAtOnce(server: Server): void {
    const managed = this.#servers.get(server)
    if (managed !== undefined) this.#removePath(managed)
  }

  #removePath({ address, unixPath }: Managed): void {
    if (address === undefined || !this.#isPredecessors(address)) unixPath?.remove()
  }

  /** The server that a request came to, if it is one of these. */
  serverOf(request: IncomingMessage): Server | undefined {
    const server = serverOf(request)
    if (server !== undefined) return server
    const { stream } = request as IncomingMessage & { stream?: { session?: never } }
    return this.servers.find(
      (each) => stream?.session !== undefined && this.get(each)?.sessions.has(stream.session),
    )
  }

  /** Asked for every request by the adapters: costs one comparison while nothing drains. */
  isDraining(request: IncomingMessage): boolean {
    if (this.#draining === 0) return false
    const server = this.serverOf(request)
    return server !== undefined && this.#servers.get(server)?.drain?.tells(request.socket) === true
  }

  /**
   * The servers that answer with the same function on the same port: Fastify opens a second one for the other family of
   * `localhost`.
   */
  siblings(server: Server): Server[] {
    const answering = new Set(server.listeners('request'))
    const port = portOf(server)
    return this.servers.filter((each) => {
      const answersAlike = each.listeners('request').some((one) => answering.has(one))
      return each === server || (answersAlike && port !== undefined && portOf(each) === port)
    })
  }
}

function both(one: Release, other: Release): Release {
  return () => {
    one()
    other()
  }
}

function portOf(server: Server): number | undefined {
  const address = server.address()
  return typeof address === 'object' ? address?.port : undefined
}

/** Whether the connections of a server can be known that does not listen: Node lists those of HTTP/1 at 'listening'. */
function canBeFed(server: Server): boolean {
  if ('updateSettings' in server) return true
  return (
    'closeIdleConnections' in server &&
    trackConnections(server) !== undefined &&
    listConnections(server as HttpServer) !== undefined
  )
}
