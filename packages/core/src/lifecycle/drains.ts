import type { Server } from 'node:net'
import type { ServerDrain } from '../drain/server-drain.ts'
import type { System } from '../system/system.ts'
import { DrainGroup } from './drain-group.ts'
import type { ServerHooks } from './hooks.ts'
import type { DrainManner, ManagedServers } from './managed-servers.ts'
import type { Settings } from './options.ts'

/** The drains that are under way: of the whole process, or of servers that the application closes while others serve. */
export class Drains {
  readonly #system: System
  readonly #servers: ManagedServers
  readonly #hooks: ServerHooks
  readonly #groups = new Map<Server, DrainGroup>()

  constructor(system: System, servers: ManagedServers, hooks: ServerHooks) {
    this.#system = system
    this.#servers = servers
    this.#hooks = hooks
  }

  /**
   * Begins to drain servers together. One that drains already goes on as it began, and the new group waits for it too.
   * @param successor whether another process accepts on the same sockets
   */
  start(servers: readonly Server[], manner: DrainManner, successor = false): DrainGroup {
    const drains = new Map<Server, ServerDrain>()
    for (const server of servers) {
      const drain = this.#servers.drain(server, manner)
      if (drain !== undefined) drains.set(server, drain)
    }
    const { drainTimeout, drainDelay } = manner.settings
    const group = new DrainGroup(this.#system, drains, this.#hooks, { drainTimeout, drainDelay, successor })
    for (const server of servers) this.#groups.set(server, group)
    void group.done.then(() => {
      for (const server of servers) if (this.#groups.get(server) === group) this.#groups.delete(server)
    })
    return group
  }

  /**
   * The drain that the application's `close()` of a server begins, or the one it is in.
   * @param together which servers are closed with it
   * @returns undefined if the server does not listen, and Node's own `close()` is right
   */
  close(server: Server, together: readonly Server[], settings: Settings): DrainGroup | undefined {
    const begun = this.#groups.get(server)
    if (begun !== undefined) return begun
    if (!server.listening || this.#servers.get(server) === undefined) return undefined
    // Nobody comes back to a port that was picked at random: a test need not wait for that.
    const lingerTimeout = this.#servers.isFixed(server) ? settings.lingerTimeout : 0
    return this.start(together, {
      settings: { ...settings, lingerTimeout, drainDelay: 0 },
      closeCode: 1001,
      migrates: () => false,
    })
  }

  /** Gives all servers back as if no drain had begun. */
  forget(): void {
    for (const group of this.#groups.values()) group.cancel()
    this.#groups.clear()
    this.#servers.forgetDrains()
  }
}
