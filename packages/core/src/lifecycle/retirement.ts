import type { Server } from 'node:net'
import { Attempts } from '../errors/attempts.ts'
import type { Connections } from '../connections/connections.ts'
import { Migration } from '../handover/migration.ts'
import type { MigrationSource } from '../handover/migration-source.ts'
import { type LiveSource, LiveMigration } from '../handover/live/live-migration.ts'
import type { SignOfLife } from '../handover/sign-of-life.ts'
import type { Successor } from '../handover/successor.ts'
import type { MovedCounts, StayedConnection } from '../events/drain-report.ts'
import type { Inheritable } from '../listeners/listener.ts'
import type { Listeners } from '../listeners/listeners.ts'
import type { Context } from './context.ts'
import type { DrainGroup } from '../servers/drain-group.ts'
import { MigrationPermit } from '../handover/migration-permit.ts'
import { postponeClose } from '../system/node-internals.ts'
import type { Release } from '../system/system.ts'

/** If a successor's process ends within this time after its channel, in milliseconds, it counts as dead. */
const deathTimeout = 1000

/**
 * How long this process stays at least, in milliseconds, even with nothing left to do: if a version starts
 * well but crashes at once, for example at its first request, this process can still take over.
 */
const watchTime = 300

/**
 * Ends this process in favour of a ready successor: moves the connections that can move, and drains the rest.
 */
export class Retirement {
  readonly group: DrainGroup
  readonly #context: Context
  readonly #successor: Successor
  readonly #inheritable: readonly Inheritable[]
  readonly #migrating: ReadonlySet<Connections>
  readonly #migration: Migration
  readonly #live: LiveMigration
  /** Lets the servers emit 'close', which cannot be reverted. */
  readonly #closes: readonly { readonly server: Server; readonly close: Release }[]
  #onFinal: () => void = () => {}

  constructor(context: Context, successor: Successor, inheritable: readonly Inheritable[]) {
    const { datagrams, system, servers, drains, handover, settings, reporter } = context
    datagrams.pause()
    this.#context = context
    this.#successor = successor
    this.#inheritable = inheritable
    const permit = new MigrationPermit((error) => reporter.warn(error))
    const leaving = inheritable.flatMap(({ server, bound }): MigrationSource[] => {
      const connections = servers.get(server)?.connections
      const policy = servers.settingsOf(server).migrate ?? settings.migrate
      if (connections?.migratable !== true || policy === false) return []
      return [{ connections, listener: bound, mayMove: (socket) => permit.allows(policy, socket) }]
    })
    this.#live = new LiveMigration(
      system,
      successor,
      handover,
      inheritable.flatMap(({ server, bound }): LiveSource[] => {
        const connections = servers.get(server)?.connections
        if (connections?.http === undefined) return []
        const policy = servers.settingsOf(server).migrate ?? settings.migrate
        const never = connections.secure ? 'tls' : policy === false ? 'migrate' : undefined
        return [{ connections, listener: bound, never, mayMove: (socket) => permit.allows(policy, socket) }]
      }),
    )
    this.#migrating = new Set(leaving.map(({ connections }) => connections))
    this.#closes = servers.open.map(({ server }) => ({ server, close: postponeClose(server) }))
    this.group = drains.start(
      servers.open,
      {
        settings: { ...settings, drainDelay: 0 },
        closeCode: 1012,
        migrates: (connections) => this.#migrating.has(connections),
        departures: this.#live,
      },
      new Promise((resolve) => {
        this.#onFinal = resolve
      }),
    )
    this.#migration = new Migration(system, successor, leaving)
  }

  /** How many connections the successor has taken, of any kind. */
  get moved(): number {
    const { websockets, streams } = this.live
    return this.#migration.moved + websockets + streams
  }

  /** How many of them were WebSockets and event streams. */
  get live(): MovedCounts {
    return this.#live.moved
  }

  /** The WebSockets and event streams that the successor has not taken. */
  get stayed(): readonly StayedConnection[] {
    return this.#live.stayed
  }

  /** How many connections it has declined. */
  get declined(): number {
    return this.#migration.declined
  }

  /** Resolves when nothing is left here and the successor lives, or when it has died before that. */
  async run(life: SignOfLife): Promise<'drained' | 'died'> {
    const { reporter, system, servers } = this.#context
    const died = new Promise<'died'>((resolve) => this.#successor.onDeath(() => resolve('died')))
    this.#migration.start({
      onDeclined: ({ server }, socket) => servers.get(server)?.drain?.keep([socket]),
      onNotListening: ({ server }) => servers.get(server)?.drain?.announce(),
      onKept: ({ server }, sockets) => servers.get(server)?.drain?.keep(sockets),
    })
    void this.#migration.passed.then(() => {
      if (over) return
      this.#live.start({
        onStays: ({ server }, socket, stayed) => {
          servers.get(server)?.stays(socket)
          reporter.tell('connection:stayed', { connection: stayed })
        },
        onWarning: (error) => reporter.warn(error),
      })
    })
    let over = false
    // A successor that closes the channel without dying takes no more connections: the rest drains here.
    const release = this.#successor.onGone(() => {
      system.setTimeout(() => {
        if (over) return
        for (const { server } of this.#migrating) {
          servers.get(server)?.drain?.announce()
          servers.get(server)?.stays()
        }
      }, deathTimeout)
    })
    const watched = new Promise<void>((resolve) => {
      system.setTimeout(resolve, watchTime)
    })
    const drained = Promise.all([this.group.drained, watched])
      .then(() => this.#live.quiet())
      .then(() => this.#confirmed(life))
      .then(() => 'drained' as const)
    const outcome = await Promise.race([drained, died])
    over = true
    release()
    life.dispose()
    this.#migration.dispose()
    this.#live.dispose()
    if (outcome === 'drained') await this.#end()
    return outcome
  }

  /**
   * If this process left, a hanging successor would take the service down. A successor that stops itself is
   * not replaced.
   */
  async #confirmed(life: SignOfLife): Promise<void> {
    if (this.#successor.stopping) return
    const gone = new Promise<void>((resolve) => {
      this.#successor.onGone(() => this.#context.system.setTimeout(resolve, deathTimeout))
    })
    await Promise.race([life.confirmed(), gone])
  }

  /**
   * From here on the handover cannot be reverted. The servers emit 'close' before the application's hooks
   * run.
   */
  async #end(): Promise<void> {
    for (const { close } of this.#closes) close()
    await new Promise<void>((resolve) => {
      this.#context.system.setImmediate(resolve)
    })
    this.#onFinal()
  }

  /** The successor has died: listens again on the sockets kept for this, and ends the drain. */
  takeBack(listeners: Listeners): void {
    const { datagrams, drains, reporter } = this.#context
    const attempts = new Attempts((error) => reporter.warn(error))
    attempts.run('giving the servers back', () => drains.forget())
    attempts.run('listening again', () => datagrams.resume())
    for (const each of this.#inheritable)
      attempts.run('listening again', () => {
        const close = this.#closes.find(({ server }) => server === each.server)?.close
        // Also if the application has closed it since: it did so because this process was to end.
        if (each.server.listening) close?.()
        else listeners.reopen(each, this.#successor.takeSpare(each.bound), () => close?.())
      })
    for (const { server, close } of this.#closes)
      if (!this.#inheritable.some((each) => each.server === server)) attempts.run('closing a server', close)
  }
}
