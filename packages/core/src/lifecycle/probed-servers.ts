import { interceptProbes } from '../health/intercept-probes.ts'
import type { ManagedServer } from '../servers/managed-server.ts'
import type { ManagedServers } from '../servers/managed-servers.ts'
import { answerHealth } from './answer-health.ts'
import type { HealthService } from './health-service.ts'
import type { Readiness } from './readiness.ts'

/**
 * Answers health probes on the application's servers. In a process with an adapter, the adapter does that, in the
 * place where its framework expects it.
 */
export class ProbedServers {
  readonly #servers: ManagedServers
  readonly #parts: { readonly health: HealthService; readonly readiness: Readiness }
  readonly #probed = new WeakSet<ManagedServer>()
  #hasAdapter = false

  constructor(servers: ManagedServers, health: HealthService, readiness: Readiness) {
    this.#servers = servers
    this.#parts = { health, readiness }
  }

  /** An adapter answers from now on. */
  leaveToAdapter(): void {
    this.#hasAdapter = true
  }

  /** Options or servers have been added. */
  update(): void {
    if (this.#hasAdapter || this.#parts.health.paths.length === 0) return
    for (const managed of this.#servers.drainable) {
      const { connections, server } = managed
      if (this.#probed.has(managed) || (connections.http === undefined && !connections.http2)) continue
      this.#probed.add(managed)
      managed.onDispose(
        interceptProbes(server, (probe) => (this.#hasAdapter ? undefined : answerHealth(this.#parts, probe))),
      )
    }
  }
}
