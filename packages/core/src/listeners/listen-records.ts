import type { ListenOptions, Server } from 'node:net'
import type { Address } from './address.ts'
import type { InheritedListener } from './inheritance.ts'
import type { Claim, Options } from './listen-claim.ts'
import type { Listener, ListenersObserver } from './listener.ts'
import type { UnixPath } from './unix-path.ts'

/** One call of `listen()` on its way. */
export interface Attempt {
  /** The object that Node reads. */
  readonly given: Options
  readonly claim: Claim
  readonly options: ListenOptions
  readonly requested: Address | undefined
  readonly inherited: InheritedListener | undefined
  /** Whether it is lent: see `Loans`. */
  readonly lent: boolean
  /** Where the inherited socket is to be held: whether it is. */
  readonly isHeld: (() => boolean) | undefined
  readonly unixPath: UnixPath | undefined
}

/** What is known of a server, whether it listens or not. */
export interface ServerRecord {
  /** Its call of `listen()` that is on its way. */
  attempt?: Attempt
  /** While it listens. */
  listener?: Listener
  /** Whether it is left to the application. */
  ignored?: boolean
  /** Whether node:cluster opens it in a primary, to accept connections for workers. */
  isClusters?: boolean
  /** Whether its next `listen()` is to be the kernel's own. */
  wasLent?: boolean
}

export interface ListenCallsObserver extends ListenersObserver {
  /** Called when the kernel has refused an address. */
  onRefused(requested: Address | undefined, error: Error & { code?: string }): void
}

/** Finds, or makes, what is known of a server. */
export type Records = (server: Server) => ServerRecord
