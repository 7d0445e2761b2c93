import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Upgraded } from '../connections/upgrades.ts'
import type { Attempts } from '../errors/attempts.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { DrainingPolicy } from './refusal.ts'
import type { CloseCode } from './upgraded-drain.ts'

/**
 * WebSockets and event streams that may move to a successor. Until they have, the drain does not notify them.
 */
export interface Departures {
  leaves(upgraded: Upgraded): boolean
  /** The same for a request under way. */
  isLeaving(request: IncomingMessage): boolean
  /** Whether a connection is being moved: ending it here would end it in the successor too. */
  isUnderWay(socket: Socket): boolean
}

export interface ServerDrainOptions {
  /** The longest that an idle connection is kept for a request that may be on its way, in milliseconds. */
  readonly lingerTimeout: number
  /** How many milliseconds an unused connection is kept for its first request. */
  readonly firstRequestTimeout: number
  /** Milliseconds over which WebSockets get their close frames. */
  readonly closeSpread: number
  /** The close code and reason for WebSockets. */
  readonly closeCode: CloseCode
  /** What to do with new requests that no adapter decides on. A function must not throw. */
  readonly policy: DrainingPolicy<IncomingMessage>
  /**
   * Whether its HTTP/1 connections move to a successor: then they are neither told to close nor ended while
   * idle.
   */
  readonly migrates: boolean
  /** The WebSockets and event streams that may move to a successor; undefined for none. */
  readonly departures?: Departures | undefined
  /**
   * Called before this process stops listening, unless another process continues: from then on no client
   * should find the server.
   */
  readonly onStopping: () => void
  /** Called for each request or connection that was cut, except for those that `force()` returns. */
  readonly onCut: (connection: CutConnection, forced: boolean) => void
  /** Reports an error that a step throws. */
  readonly attempts?: Attempts
}
