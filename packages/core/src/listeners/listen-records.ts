import type { ListenOptions, Server } from 'node:net'
import type { Address } from './address.ts'
import type { InheritedListener } from './inheritance.ts'
import type { Claim, Options } from './listen-claim.ts'
import type { Listener, ListenersObserver } from './listener.ts'
import type { UnixPath } from './unix-path.ts'

/** A call of `listen()` in progress. */
export interface Attempt {
  /** The object that Node reads. */
  readonly given: Options
  readonly claim: Claim
  readonly options: ListenOptions
  readonly requested: Address | undefined
  readonly inherited: InheritedListener | undefined
  /** Whether it is lent: see `Loans`. */
  readonly lent: boolean
  /** Returns whether the inherited socket is held; undefined if it need not be. */
  readonly isHeld: (() => boolean) | undefined
  readonly unixPath: UnixPath | undefined
}

/** The data for a server, whether it listens or not. */
export interface ServerRecord {
  /** Its call of `listen()` in progress. */
  attempt?: Attempt
  /** Set while it listens. */
  listener?: Listener
  /** Whether zerodrop leaves it to the application. */
  ignored?: boolean
  /** Whether node:cluster opens it in a primary, to accept connections for workers. */
  isClusters?: boolean
  /** Whether its next `listen()` binds the address itself. */
  wasLent?: boolean
}

export interface ListenCallsObserver extends ListenersObserver {
  /** Called when the kernel has refused an address. */
  onRefused(requested: Address | undefined, error: Error & { code?: string }): void
}

/** Finds or creates the data for a server. */
export type Records = (server: Server) => ServerRecord
