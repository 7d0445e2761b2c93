import type { ListenOptions, Server } from 'node:net'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import type { ListeningHandle } from '../system/node-internals.ts'
import type { Address } from './address.ts'
import type { Options } from './listen-claim.ts'
import type { UnixPath } from './unix-path.ts'

/** A server of this process that is listening, by whomever `listen()` was called. */
export interface Listener {
  readonly server: Server
  /** What `listen()` was asked for; undefined for port 0, which is drained like the rest but never inherited. */
  readonly requested: Address | undefined
  /** What `listen()` was given, to be given again. */
  readonly options: ListenOptions
  /** Whether its `listen()` was seen: then it cannot have accepted anything before. */
  readonly fresh: boolean
  /** Its file, where it has one. */
  readonly unixPath: UnixPath | undefined
  /** Whether a service manager has opened it. */
  readonly foreign?: boolean
}

/** A listening server that a successor can be given. */
export interface Inheritable {
  readonly listener: Listener
  readonly server: Server
  readonly requested: Address
  readonly bound: Address
  readonly fd: number
}

export interface ListenersObserver {
  /** Called inside `listen()`, before anything is bound. */
  onStart(message: ListenMessage): void
  /** Called when such an attempt has ended, if it did not lead to `onListening`. */
  onFailed(server: Server): void
  /** Called inside `listen()`, before the server can have accepted anything. */
  onListening(listener: Listener): void
  /** Called when the server has closed and its last connection has ended. */
  onClosed(server: Server): void
  onWarning(error: ZerodropError): void
  /** Called when node:cluster has opened a socket, in a primary. */
  onClusterListening(handle: ListeningHandle): void
  /** Called when an inherited socket accepts at once, because Node does not let it be held. */
  onNotHeld(address: Address): void
}

/** What Node publishes as a call of `listen()` begins. */
export interface ListenMessage {
  readonly server: Server
  readonly options: Options
}
