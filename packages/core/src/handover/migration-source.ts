import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { Address } from '../listeners/address.ts'

/** One server whose connections may leave, and the address by which the successor knows its own. */
export interface MigrationSource {
  readonly connections: Connections
  readonly listener: Address
  /** Asked for each connection when it could move. One that may not is not asked for again. */
  readonly mayMove: (socket: Socket) => boolean
}

export interface MigrationObserver {
  /** The successor has declined a connection of this server, which is served here to its end. */
  onDeclined(connections: Connections, socket: Socket): void
  /** The successor has no server at the address of this one: none of its connections moves. */
  onNotListening(connections: Connections): void
  /** These may not move. */
  onKept(connections: Connections, sockets: readonly Socket[]): void
}
