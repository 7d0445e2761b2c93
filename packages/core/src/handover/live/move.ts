import type { Socket } from 'node:net'
import type { StayedConnection, StayReason } from '../../events/drain-report.ts'
import type { Body } from '../protocol.ts'

/** What the successor is told of a connection before it gets it. */
export type LiveOffer = Omit<Body & { type: 'live' }, 'type' | 'id' | 'listener'>

/** A connection that has stopped here and is on its way. */
export interface Departure {
  readonly offer: LiveOffer
  readonly handle: object
  /** The successor has it. @param forward sends it a call that the application still makes here */
  taken(forward: (call: string) => void): void
  /** It goes on here. */
  stays(): void
}

/** A WebSocket or an event stream that is to leave. */
export interface Move {
  readonly kind: StayedConnection['kind']
  readonly socket: Socket
  readonly target: { readonly method: string; readonly url: string }
  /** Whether it could leave now, could not yet, has ended by itself, or why it never can. */
  look(): 'ready' | 'busy' | 'over' | StayReason
  /** Makes it leave, if it is ready. */
  depart(): Departure | StayReason
  /** It leaves no more. */
  dispose(): void
}
