import type { Datagrams } from '../listeners/datagrams.ts'
import type { Handover } from '../handover/live/handover.ts'
import type { Predecessor } from '../handover/predecessor.ts'
import type { Hold } from '../listeners/hold.ts'
import type { Listeners } from '../listeners/listeners.ts'
import type { System } from '../system/system.ts'
import type { ServingRole } from './serving-role.ts'
import type { ClusterWorkers } from '../servers/cluster-workers.ts'
import type { Drains } from '../servers/drains.ts'
import type { Hooks } from './hooks.ts'
import type { ManagedServers } from '../servers/managed-servers.ts'
import type { Settings } from '../options/options.ts'
import type { Reporter } from '../events/reporter.ts'
import type { StateMachine } from './state.ts'

/** The objects that all parts of the lifecycle share. */
export interface Context {
  readonly system: System
  readonly reporter: Reporter
  readonly listeners: Listeners
  readonly hold: Hold
  readonly datagrams: Datagrams
  readonly servers: ManagedServers
  readonly drains: Drains
  readonly workers: ClusterWorkers
  readonly hooks: Hooks
  readonly servingRole: ServingRole
  readonly state: StateMachine
  readonly handover: Handover
  /** The process that started this one by a restart; undefined for the first generation. */
  readonly predecessor: Predecessor | undefined
  /** The current settings: each call of `configure()` may change them. */
  readonly settings: Settings
}
