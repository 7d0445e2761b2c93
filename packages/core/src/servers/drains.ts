import type { Server } from 'node:net'
import type { DrainObserver } from '../drain/drain.ts'
import { describeConnection } from '../events/describe-drain.ts'
import type { ServerDrain } from '../drain/server-drain.ts'
import { Attempts } from '../errors/attempts.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { System } from '../system/system.ts'
import { DrainGroup } from './drain-group.ts'
import type { DrainManner, ManagedServer } from './managed-server.ts'
import type { ManagedServers } from './managed-servers.ts'
import type { Settings } from '../options/options.ts'
import type { Reporter } from '../events/reporter.ts'

/** After this many milliseconds, a drain without a deadline says what it waits for. */
const reportDelay = 10_000

/** How many requests and connections it names then. */
const mostNamed = 10

/** How far the drain of the whole process has come. Times are those of the system's clock. */
export interface Progress {
  readonly begun: number
  /** When the rest will be cut; Infinity for never. */
  readonly deadline: number
  readonly servers: readonly ServerDrain[]
}

/** The current drains: of the whole process, or of servers that the application closes while others serve. */
export class Drains {
  readonly #system: System
  readonly #servers: ManagedServers
  readonly #reporter: Reporter
  /** The drains that have not finished, the newest last. */
  readonly #groups = new Set<DrainGroup>()
  #progress: Progress | undefined

  constructor(system: System, servers: ManagedServers, reporter: Reporter) {
    this.#system = system
    this.#reporter = reporter
    this.#servers = servers
  }

  /** The progress of the drain that ends the process, once there is one. */
  get progress(): Progress | undefined {
    return this.#progress
  }

  /**
   * Begins the drain that ends the process, and emits events for its steps.
   * @param final if another process accepts on the same sockets: resolves when this process can no longer
   * replace it
   */
  start(servers: readonly ManagedServer[], manner: DrainManner, final?: Promise<void>): DrainGroup {
    const { drainTimeout, drainDelay } = manner.settings
    const begun = this.#system.now()
    const reporter = this.#reporter
    const group = this.#start(servers, manner, final, {
      onAcceptStopped: (milliseconds) => reporter.tell('drain:accept-stopped', { milliseconds }),
      onForce: (milliseconds, forced, cut) => reporter.tell('drain:force', { milliseconds, forced, cut }),
    })
    const drains = servers.flatMap(({ drain }) => drain ?? [])
    const progress = { begun, deadline: begun + drainDelay + drainTimeout, servers: drains }
    this.#progress = progress
    if (progress.deadline === Infinity) {
      const release = this.#system.setTimeout(() => this.#sayWaiting(progress), reportDelay)
      void group.drained.then(release)
    }
    void group.settled.then(() => {
      // Not if the drain was reverted.
      if (this.#progress === progress)
        reporter.tell('drain:settled', { milliseconds: this.#system.now() - begun })
    })
    return group
  }

  /** A drain without a deadline may wait for one client forever: this tells the operator for which one. */
  #sayWaiting({ begun, servers }: Progress): void {
    const waiting = servers.flatMap((server) => server.underWay())
    if (waiting.length === 0) return
    const named = waiting.slice(0, mostNamed).map(describeConnection).join('; ')
    const more = waiting.length > mostNamed ? `; and ${waiting.length - mostNamed} more` : ''
    const milliseconds = Math.round(this.#system.now() - begun)
    this.#reporter.write(
      `draining for ${milliseconds} ms without a deadline ("drainTimeout" is Infinity), waiting for ${named}${more}`,
      { milliseconds, waitingFor: waiting.length },
      'warn',
    )
  }

  /**
   * Begins to drain servers together. A server that is draining already continues its drain, and the new
   * group waits for it too.
   */
  #start(
    servers: readonly ManagedServer[],
    manner: DrainManner,
    final?: Promise<void>,
    observer?: DrainObserver,
  ): DrainGroup {
    const attempts = new Attempts((error) => this.#reporter.warn(error))
    const onCut = (connection: CutConnection, forced: boolean): void =>
      this.#reporter.tell('connection:cut', { connection, forced })
    for (const server of servers)
      attempts.run('preparing to drain a server', () =>
        this.#servers.drain(server, manner, { onCut, attempts }),
      )
    const { drainTimeout, drainDelay } = manner.settings
    const options = { drainTimeout, drainDelay, successor: final !== undefined, observer, onCut, attempts }
    const group = new DrainGroup(this.#system, servers, options, final)
    this.#groups.add(group)
    void group.done.then(() => this.#groups.delete(group))
    return group
  }

  /**
   * Returns the drain that the application's `close()` of a server begins, or its current one.
   * @param together the servers that close with it
   * @returns undefined if the server does not listen, or never had a connection: then Node's own `close()`
   * is right. It frees the address at once, as a program that looks for a free port expects.
   */
  close(server: Server, together: readonly ManagedServer[], settings: Settings): DrainGroup | undefined {
    const begun = this.#groupOf(server)
    if (begun !== undefined) return begun
    const managed = this.#servers.get(server)
    if (!server.listening || managed === undefined) return undefined
    if (managed.connections.untouched) {
      this.#servers.closeAtOnce(managed)
      return undefined
    }
    // No client returns to a port that was picked at random, so a test need not linger.
    const lingerTimeout = managed.fixed ? settings.lingerTimeout : 0
    const manner: DrainManner = {
      settings: { ...settings, lingerTimeout, drainDelay: 0 },
      closeCode: 1001,
      migrates: () => false,
    }
    return this.#start(together, manner)
  }

  /** Reverts all servers to their state before the drain. */
  forget(): void {
    this.#progress = undefined
    for (const group of this.#groups) {
      this.#cancel(group)
      for (const server of group.servers) this.#servers.forgetDrain(server)
    }
  }

  /** A server listens again, perhaps during its drain: it serves again, unless the whole process ends. */
  onListening(server: Server): void {
    if (this.#progress !== undefined) return
    const group = this.#groupOf(server)
    if (group !== undefined) this.#cancel(group)
    const managed = this.#servers.get(server)
    if (managed !== undefined) this.#servers.forgetDrain(managed)
  }

  /** The newest drain of a server. */
  #groupOf(server: Server): DrainGroup | undefined {
    return [...this.#groups].findLast(({ servers }) => servers.some((each) => each.server === server))
  }

  #cancel(group: DrainGroup): void {
    group.cancel()
    this.#groups.delete(group)
  }
}
