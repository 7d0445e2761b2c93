import type { Socket } from 'node:net'
import type { StayedConnection, StayReason } from '../../events/drain-report.ts'
import type { Body } from '../protocol.ts'

/** Describes a connection to the successor before the descriptor arrives. */
export type LiveOffer = Omit<Body & { type: 'live' }, 'type' | 'id' | 'listener'>

/** A connection that has stopped here and is on its way. */
export interface Departure {
  readonly offer: LiveOffer
  readonly handle: object
  /** The successor has it. @param forward sends it a call that the application still makes here */
  taken(forward: (call: string) => void): void
  /** The connection continues here. */
  stays(): void
}

/** A WebSocket or an event stream that may move. */
export interface Move {
  readonly kind: StayedConnection['kind']
  readonly socket: Socket
  readonly target: { readonly method: string; readonly url: string }
  /** Whether it can move now, cannot yet, or has ended by itself; or why it never can. */
  look(): 'ready' | 'busy' | 'over' | StayReason
  /** Starts the move, if it is ready. */
  depart(): Departure | StayReason
  /** Cancels the move. */
  dispose(): void
}
