import type { DrainResult, MovedCounts, StayedConnection } from '../events/drain-report.ts'

/** The result of a restart. */
export interface RestartResult extends DrainResult {
  /** The successor's process id. */
  readonly pid: number
  /** The generation of the successor. */
  readonly generation: number
  /** How many listening sockets the successor inherited. */
  readonly listeners: number
  /** How many live connections it took over, of any kind. */
  readonly migrated: number
  /** How many it declined, for example because of its server's `maxConnections`: they were drained here. */
  readonly declined: number
  /** How many of the migrated connections were WebSockets and event streams. */
  readonly live: MovedCounts
  /** The WebSockets and event streams that could not move, each with the reason. */
  readonly stayed: readonly StayedConnection[]
}
