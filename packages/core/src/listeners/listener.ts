import type { ListenOptions, Server } from 'node:net'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import type { ListeningHandle } from '../system/node-internals.ts'
import type { Address } from './address.ts'
import type { Options } from './listen-claim.ts'
import type { UnixPath } from './unix-path.ts'

/** A listening server of this process. */
export interface Listener {
  readonly server: Server
  /**
   * The address passed to `listen()`; undefined for port 0, which is drained like the rest but never
   * inherited.
   */
  readonly requested: Address | undefined
  /** The options passed to `listen()`, for another call. */
  readonly options: ListenOptions
  /** Whether zerodrop saw its `listen()`: then it cannot have accepted a connection before. */
  readonly fresh: boolean
  /** Its file, if it is a Unix socket. */
  readonly unixPath: UnixPath | undefined
  /** Whether a service manager has opened it. */
  readonly foreign?: boolean
}

/** A listening server whose socket a successor can inherit. */
export interface Inheritable {
  readonly listener: Listener
  readonly server: Server
  readonly requested: Address
  readonly bound: Address
  readonly fd: number
}

export interface ListenersObserver {
  /** Called inside `listen()`, before the server is bound. */
  onStart(message: ListenMessage): void
  /** Called when such an attempt has ended, if it did not lead to `onListening`. */
  onFailed(server: Server): void
  /** Called inside `listen()`, before the server can have accepted a connection. */
  onListening(listener: Listener): void
  /** Called when the server has closed and its last connection has ended. */
  onClosed(server: Server): void
  onWarning(error: ZerodropError): void
  /** Called when node:cluster has opened a socket, in a primary. */
  onClusterListening(handle: ListeningHandle): void
  /** Called when an inherited socket accepts at once, because Node does not let zerodrop hold it back. */
  onNotHeld(address: Address): void
}

/** The message that Node publishes when a call of `listen()` begins. */
export interface ListenMessage {
  readonly server: Server
  readonly options: Options
}
