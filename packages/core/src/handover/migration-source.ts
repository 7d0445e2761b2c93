import type { Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import type { Address } from '../listeners/address.ts'

/** One server whose connections may move, and the address by which the successor finds its own server. */
export interface MigrationSource {
  readonly connections: Connections
  readonly listener: Address
  /** Called for each connection when it could move. If it may not, it is not asked again. */
  readonly mayMove: (socket: Socket) => boolean
}

export interface MigrationObserver {
  /** The successor has declined a connection of this server: this process serves it to its end. */
  onDeclined(connections: Connections, socket: Socket): void
  /** The successor has no server at this address, so none of its connections moves. */
  onNotListening(connections: Connections): void
  /** These connections may not move. */
  onKept(connections: Connections, sockets: readonly Socket[]): void
}
