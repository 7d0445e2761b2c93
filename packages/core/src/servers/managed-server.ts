import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { DrainingSignals } from '../drain/draining-signals.ts'
import type { DrainingPolicy } from '../drain/refusal.ts'
import { ServerDrain } from '../drain/server-drain.ts'
import type { Departures } from '../drain/server-drain-options.ts'
import type { CloseCode } from '../drain/upgraded-drain.ts'
import type { Attempts } from '../errors/attempts.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { Address } from '../listeners/address.ts'
import type { UnixPath } from '../listeners/unix-path.ts'
import type { MigrationPolicy, Settings } from '../options/options.ts'
import type { Release, System } from '../system/system.ts'
import type { Hook } from './run-hook.ts'

/** The settings of one drain. */
export interface DrainManner {
  readonly settings: Settings
  readonly closeCode: CloseCode
  /** Whether HTTP/1 connections of this server move to a successor. */
  readonly migrates: (connections: Connections) => boolean
  readonly departures?: Departures | undefined
}

/** The application's settings for one server. They apply whenever that server is open. */
export interface ServerSettings {
  /** Runs once no connection can bring a new request. */
  hook?: Hook
  /** What to do with a request that arrives while it drains. A function must not throw. */
  drainingPolicy?: DrainingPolicy<IncomingMessage>
  /** Replaces the option of the process. */
  migrate?: MigrationPolicy
  /** Whether zerodrop leaves the server alone. */
  ignored?: boolean
}

/** How a server is reached. */
export interface Reach {
  /** Its address, also after its drain has begun; undefined for a server that is fed by another. */
  address: Address | undefined
  unixPath: UnixPath | undefined
  /** Whether the application chose its address: a test's server on port 0 has no clients that return. */
  fixed: boolean
  /** The servers that pass connections on to it; undefined for one that listens itself. */
  fedBy: Set<Server> | undefined
}

/** What a drain of a server uses. */
export interface DrainParts {
  readonly system: System
  readonly signals: DrainingSignals
  readonly attempts: Attempts
  readonly onCut: (connection: CutConnection, forced: boolean) => void
  /** Whether the predecessor serves at an address, and keeps serving when this process ends. */
  readonly isPredecessors: (address: Address) => boolean
}

/** One open server of this process, with its connections and, once it ends, its drain. */
export class ManagedServer {
  readonly server: Server
  readonly settings: ServerSettings
  readonly connections: Connections
  /** Whether it serves until the process ends: a stop does not drain it. */
  readonly exempt: boolean
  #reach: Reach
  #drain: ServerDrain | undefined
  readonly #releases: Release[] = []

  constructor(connections: Connections, settings: ServerSettings, reach: Reach, exempt = false) {
    this.server = connections.server
    this.connections = connections
    this.settings = settings
    this.#reach = reach
    this.exempt = exempt
  }

  /** Its address, also after its drain has begun. */
  get address(): Address | undefined {
    return this.#reach.address
  }

  /** Whether the application chose its address. */
  get fixed(): boolean {
    return this.#reach.fixed
  }

  /** The servers that pass connections on to it; undefined for one that listens itself. */
  get fedBy(): ReadonlySet<Server> | undefined {
    return this.#reach.fedBy
  }

  /** Its drain, if it has begun. */
  get drain(): ServerDrain | undefined {
    return this.#drain
  }

  /**
   * It listens again before its last connection has ended, or listens for the first time after it was fed.
   */
  reach(reach: Reach): void {
    this.#reach = reach
    this.connections.onListening()
  }

  /** Adds a function to call when the server has closed. */
  onDispose(release: Release): void {
    this.#releases.push(release)
  }

  /**
   * Stops managing the server. A drain ends by itself: Node emits 'close' of a server before that of its
   * last connection.
   */
  dispose(): void {
    for (const release of this.#releases.splice(0)) release()
    this.connections.requests?.stop()
    this.connections.dispose()
  }

  /** Prepares its drain, unless that has been done. */
  startDrain(manner: DrainManner, parts: DrainParts): ServerDrain {
    const { settings, closeCode, migrates, departures } = manner
    const { lingerTimeout, firstRequestTimeout, closeSpread, drainTimeout } = settings
    const { system, signals, attempts, onCut, isPredecessors } = parts
    this.#drain ??= new ServerDrain(system, this.connections, signals, {
      lingerTimeout,
      firstRequestTimeout,
      closeSpread: Math.min(closeSpread, drainTimeout / 2),
      closeCode,
      policy: this.settings.drainingPolicy ?? 'serve',
      migrates: migrates(this.connections),
      onCut,
      attempts,
      departures,
      onStopping: () => this.removePath(isPredecessors),
    })
    return this.#drain
  }

  /** Reverts the server to its state before the drain. */
  forgetDrain(): void {
    this.#drain?.dispose()
    this.#drain = undefined
  }

  /**
   * Notifies a WebSocket or an event stream that does not move after all of the drain; without a socket, all
   * of them.
   */
  stays(socket?: Socket): void {
    if (socket === undefined) this.#drain?.allStay()
    else this.#drain?.stays(socket)
  }

  /**
   * Removes the file of its Unix socket, so that no client finds it, unless the predecessor keeps serving
   * there.
   */
  removePath(isPredecessors: (address: Address) => boolean): void {
    const { address, unixPath } = this.#reach
    if (address === undefined || !isPredecessors(address)) unixPath?.remove()
  }
}
