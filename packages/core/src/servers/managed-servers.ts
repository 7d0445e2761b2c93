import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import { Connections } from '../connections/connections.ts'
import { serverOf } from '../connections/exchange.ts'
import { listConnections } from '../connections/list.ts'
import type { DrainingSignals } from '../drain/draining-signals.ts'
import type { ServerDrain } from '../drain/server-drain.ts'
import { type Address, boundAddress } from '../listeners/address.ts'
import type { Listener } from '../listeners/listener.ts'
import { ownerOf, trackConnections } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'
import { type DrainManner, type DrainParts, ManagedServer, type ServerSettings } from './managed-server.ts'
import { drainOnClose } from './server-close.ts'

/** What is known of a server for as long as it exists. */
interface ServerRecord {
  readonly settings: ServerSettings
  /** While it is open. */
  managed?: ManagedServer
}

/** The servers of this process: those that are open, and what the application has asked for each. */
export class ManagedServers {
  readonly #system: System
  readonly #signals: DrainingSignals
  readonly #isPredecessors: (address: Address) => boolean
  readonly #known = new WeakMap<Server, ServerRecord>()
  readonly #open = new Set<ManagedServer>()
  #draining = 0

  /** @param isPredecessors whether the predecessor serves at an address, and goes on when this process ends */
  constructor(system: System, signals: DrainingSignals, isPredecessors: (address: Address) => boolean) {
    this.#system = system
    this.#signals = signals
    this.#isPredecessors = isPredecessors
  }

  /** All that are open. */
  get open(): readonly ManagedServer[] {
    return [...this.#open]
  }

  /** Those that a stop drains. */
  get drainable(): readonly ManagedServer[] {
    return this.open.filter(({ exempt }) => !exempt)
  }

  /** Whether a server of the application listens, or did until its drain. */
  get isServing(): boolean {
    return this.drainable.some(({ fedBy }) => fedBy === undefined)
  }

  /** A server, if it is open. */
  get(server: Server): ManagedServer | undefined {
    return this.#known.get(server)?.managed
  }

  /** What the application has asked for a server, open or not: to be read and changed. */
  settingsOf(server: Server): ServerSettings {
    return this.#know(server).settings
  }

  /**
   * Adds a server that listens.
   * @param exempt whether it serves until the process ends
   * @param onClose what the server's `close()` does: see `drainOnClose`
   */
  add(
    { server, requested, unixPath, fresh }: Listener,
    exempt: boolean,
    onClose: () => Promise<unknown> | undefined,
  ): void {
    const reach = {
      address: boundAddress(server),
      unixPath,
      fixed: requested !== undefined,
      fedBy: undefined,
    }
    const known = this.get(server)
    if (known !== undefined) {
      if (known.fedBy !== undefined) known.onDispose(drainOnClose(server, onClose))
      known.reach(reach)
      return
    }
    const release = drainOnClose(server, onClose)
    const connections = new Connections(server, () => this.#system.now(), fresh)
    const managed = this.#add(new ManagedServer(connections, this.settingsOf(server), reach, exempt))
    managed.onDispose(release)
    // An application sets a limit on what listen() returns.
    this.#system.setImmediate(() => {
      if (this.#open.has(managed)) connections.requests?.start()
    })
  }

  /**
   * Adds a server that does not listen and is being given its first connection by other code.
   * @returns false for a server of which the connections cannot be known
   */
  addFed(server: Server, first: Socket): boolean {
    if (this.settingsOf(server).ignored === true) return true
    if (this.get(server) !== undefined || !canBeFed(server)) return false
    const connections = new Connections(server, () => this.#system.now())
    const fedBy = new Set<Server>()
    const take = (socket: Socket): void => {
      // A connection belongs to one server only: the one that has accepted it would drain it as well.
      const owner = ownerOf(socket)
      if (owner === undefined || owner === server) return
      fedBy.add(owner)
      this.get(owner)?.connections.disown(socket)
    }
    // Before Node makes it a connection of this server.
    server.prependListener('connection', take)
    connections.adopt(first)
    take(first)
    connections.requests?.start()
    const reach = { address: undefined, unixPath: undefined, fixed: false, fedBy }
    const managed = this.#add(new ManagedServer(connections, this.settingsOf(server), reach))
    managed.onDispose(() => void server.off('connection', take))
    return true
  }

  /** The servers that one passes connections on to. */
  fedBy(server: Server): readonly ManagedServer[] {
    return this.open.filter(({ fedBy }) => fedBy?.has(server) === true)
  }

  /** Those that no other listening server passes connections on to: when these close, they have to end as well. */
  fedOnlyBy(servers: readonly Server[]): readonly ManagedServer[] {
    const fed = new Set(servers.flatMap((server) => this.fedBy(server)))
    return [...fed].filter(({ fedBy = [] }) =>
      [...fedBy].every((each) => servers.includes(each) || !each.listening),
    )
  }

  /**
   * The servers that answer with the same function on the same port: Fastify opens a second one for the other family of
   * `localhost`.
   */
  siblings(server: Server): readonly Server[] {
    const answering = new Set(server.listeners('request'))
    const port = portOf(server)
    const answersAlike = (each: Server): boolean =>
      port !== undefined &&
      portOf(each) === port &&
      each.listeners('request').some((one) => answering.has(one))
    return this.open.map(({ server: each }) => each).filter((each) => each === server || answersAlike(each))
  }

  /** The connections of the server that listens at an address. */
  at(address: Address): Connections | undefined {
    return this.open.find((each) => each.address === address && each.server.listening)?.connections
  }

  /** Takes care of a server no more. A drain that has begun goes on to its end. */
  ignore(server: Server): void {
    this.settingsOf(server).ignored = true
    if (this.get(server)?.drain === undefined) this.delete(server)
  }

  delete(server: Server): void {
    const known = this.#know(server)
    const { managed } = known
    if (managed === undefined) return
    managed.dispose()
    if (managed.drain !== undefined) this.#draining--
    this.#open.delete(managed)
    delete known.managed
  }

  /** The drain of a server: begun earlier, or made now in this manner. */
  drain(
    managed: ManagedServer,
    manner: DrainManner,
    parts: Pick<DrainParts, 'attempts' | 'onCut'>,
  ): ServerDrain | undefined {
    if (!this.#open.has(managed)) return undefined
    if (managed.drain === undefined) this.#draining++
    return managed.startDrain(manner, {
      ...parts,
      system: this.#system,
      signals: this.#signals,
      isPredecessors: this.#isPredecessors,
    })
  }

  /** Forgets the drain of a server, which then is as if none had begun. */
  forgetDrain(managed: ManagedServer): void {
    if (!this.#open.has(managed) || managed.drain === undefined) return
    managed.forgetDrain()
    this.#draining--
  }

  /** A server that never had a connection is about to be closed: nothing of it has to end. */
  closeAtOnce(managed: ManagedServer): void {
    managed.removePath(this.#isPredecessors)
  }

  /** The server that a request came to, if it is one of these. */
  serverOf(request: IncomingMessage): Server | undefined {
    const server = serverOf(request)
    if (server !== undefined) return server
    const { stream } = request as IncomingMessage & { stream?: { session?: never } }
    const session = stream?.session
    if (session === undefined) return undefined
    return this.open.find(({ connections }) => connections.sessions.has(session))?.server
  }

  /** Asked for every request by the adapters: costs one comparison while nothing drains. */
  isDraining(request: IncomingMessage): boolean {
    if (this.#draining === 0) return false
    const server = this.serverOf(request)
    return server !== undefined && this.get(server)?.drain?.tells(request.socket) === true
  }

  #know(server: Server): ServerRecord {
    const known = this.#known.get(server) ?? { settings: {} }
    this.#known.set(server, known)
    return known
  }

  #add(managed: ManagedServer): ManagedServer {
    this.#know(managed.server).managed = managed
    this.#open.add(managed)
    return managed
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
