import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import { Connections } from '../connections/connections.ts'
import { serverOf } from '../connections/exchange.ts'
import type { DrainingSignals } from '../drain/draining-signals.ts'
import type { ServerDrain } from '../drain/server-drain.ts'
import { type Address, boundAddress } from '../listeners/address.ts'
import type { Listener } from '../listeners/listener.ts'
import type { System } from '../system/system.ts'
import { canBeFed, followFeeders } from './feeding.ts'
import { type DrainManner, type DrainParts, ManagedServer, type ServerSettings } from './managed-server.ts'
import { drainOnClose } from './server-close.ts'
import { siblingsOf } from './siblings.ts'

/** The data kept for a server as long as it exists. */
interface ServerRecord {
  readonly settings: ServerSettings
  /** Set while the server is open. */
  managed?: ManagedServer
}

/** The open servers of this process, and the application's settings for each server. */
export class ManagedServers {
  readonly #system: System
  readonly #signals: DrainingSignals
  readonly #isPredecessors: (address: Address) => boolean
  readonly #known = new WeakMap<Server, ServerRecord>()
  readonly #open = new Set<ManagedServer>()
  #draining = 0

  /**
   * @param isPredecessors whether the predecessor serves at an address, and keeps serving when this process
   * ends
   */
  constructor(system: System, signals: DrainingSignals, isPredecessors: (address: Address) => boolean) {
    this.#system = system
    this.#signals = signals
    this.#isPredecessors = isPredecessors
  }

  /** All open servers. */
  get open(): readonly ManagedServer[] {
    return [...this.#open]
  }

  /** The servers that a stop drains. */
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

  /** The application's settings for a server, open or not. Callers may change them. */
  settingsOf(server: Server): ServerSettings {
    return this.#know(server).settings
  }

  /**
   * Adds a server that listens.
   * @param exempt whether it serves until the process ends
   * @param onClose called by the server's `close()`: see `drainOnClose`
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
    // An application may set a limit on the server that listen() returns.
    this.#system.setImmediate(() => {
      if (this.#open.has(managed)) connections.requests?.start()
    })
  }

  /**
   * Adds a server that does not listen and is being given its first connection by other code.
   * @returns false for a server whose connections cannot be known
   */
  addFed(server: Server, first: Socket): boolean {
    if (this.settingsOf(server).ignored === true) return true
    if (this.get(server) !== undefined || !canBeFed(server)) return false
    const connections = new Connections(server, () => this.#system.now())
    const { fedBy, release } = followFeeders(connections, first, (owner) => this.get(owner)?.connections)
    connections.requests?.start()
    const reach = { address: undefined, unixPath: undefined, fixed: false, fedBy }
    const managed = this.#add(new ManagedServer(connections, this.settingsOf(server), reach))
    managed.onDispose(release)
    return true
  }

  /** The servers to which a server passes connections on. */
  fedBy(server: Server): readonly ManagedServer[] {
    return this.open.filter(({ fedBy }) => fedBy?.has(server) === true)
  }

  /** The servers that get connections from these servers only: when these close, they have to end as well. */
  fedOnlyBy(servers: readonly Server[]): readonly ManagedServer[] {
    const fed = new Set(servers.flatMap((server) => this.fedBy(server)))
    return [...fed].filter(({ fedBy = [] }) =>
      [...fedBy].every((each) => servers.includes(each) || !each.listening),
    )
  }

  /** A server, and those that answer with the same function on the same port. */
  siblings(server: Server): readonly Server[] {
    const isSibling = siblingsOf(server)
    return this.open.map(({ server: each }) => each).filter((each) => each === server || isSibling(each))
  }

  /** The connections of the server that listens at an address. */
  at(address: Address): Connections | undefined {
    return this.open.find((each) => each.address === address && each.server.listening)?.connections
  }

  /** Stops managing a server. A drain that has begun continues to its end. */
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

  /** The drain of a server: an earlier one, or a new one with these settings. */
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

  /** Forgets the drain of a server and reverts its effects. */
  forgetDrain(managed: ManagedServer): void {
    if (!this.#open.has(managed) || managed.drain === undefined) return
    managed.forgetDrain()
    this.#draining--
  }

  /** A server that never had a connection is about to be closed: it needs no drain. */
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

  /** The adapters call this for every request. It costs one comparison outside a drain. */
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
