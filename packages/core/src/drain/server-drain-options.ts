import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Upgraded } from '../connections/upgrades.ts'
import type { Attempts } from '../errors/attempts.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { DrainingPolicy } from './refusal.ts'
import type { CloseCode } from './upgraded-drain.ts'

/** WebSockets and event streams that are to leave for a successor. While they may, they are told nothing of the drain. */
export interface Departures {
  leaves(upgraded: Upgraded): boolean
  /** The same for a request under way. */
  isLeaving(request: IncomingMessage): boolean
  /** Whether a connection is between two processes: to end it here would end it there. */
  isUnderWay(socket: Socket): boolean
}

export interface ServerDrainOptions {
  /** The most milliseconds that an idle connection is kept for a request that may be on its way. */
  readonly lingerTimeout: number
  /** Milliseconds that a connection on which nothing ever came is kept for its first request. */
  readonly firstRequestTimeout: number
  /** Milliseconds over which WebSockets are told. */
  readonly closeSpread: number
  /** What WebSockets are told. */
  readonly closeCode: CloseCode
  /** What becomes of new requests that no adapter decides on. A function does not throw. */
  readonly policy: DrainingPolicy<IncomingMessage>
  /** Whether its HTTP/1 connections leave for a successor: then they are neither told to close nor ended while idle. */
  readonly migrates: boolean
  /** What is to leave for a successor in the middle of what it does; undefined for nothing. */
  readonly departures?: Departures | undefined
  /** Called before this process stops listening, where no other goes on: from then on no client should find the server. */
  readonly onStopping: () => void
  /** Told of each thing that was cut, but for what `force()` returns. */
  readonly onCut: (connection: CutConnection, forced: boolean) => void
  /** Reports what a step throws. */
  readonly attempts?: Attempts
}
