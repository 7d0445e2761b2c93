import { Server } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { boundAddress } from '../listeners/address.ts'
import { listeningHandle } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'
import { acceptQueued, acceptQueueOf } from './accept-queued.ts'
import { awaitDeclined, awaitQuiet } from './accept-handed.ts'

/**
 * How long the accept queue that workers share has to be empty, in milliseconds: for each of them another time. The clients
 * that one holds come back when it closes, and it would be just then that another which had waited as long closes as well.
 */
const sharedQuiet = (workerId: number): number => 50 * (1 + (workerId % 8))

/** What a server that has stopped accepting leaves. */
export interface Stopped {
  /** How many new connections the kernel may have reset. */
  readonly reset: number
  /** Whether connections were accepted on the way: nothing has been read from them. */
  readonly acceptedMore: boolean
}

/**
 * Closes the listening socket of a server on which no other process accepts, when all that had been queued is accepted.
 * @param isHurried whether to close at the next opportunity
 */
export async function stopAccepting(
  connections: Connections,
  system: System,
  isHurried: () => boolean,
): Promise<Stopped> {
  const { server, accepted } = connections
  const bound = boundAddress(server)
  if (bound !== undefined) await system.keeper?.letGo(bound)
  const isWorker = system.incapacity === 'cluster-worker'
  // With round-robin the primary accepts, and Node gives the worker's server a handle without a descriptor.
  const isHanded = isWorker && listeningHandle(server)?.fd === undefined
  if (isWorker) await awaitQuiet(connections, system, isHanded ? isHurried : () => true)
  const quietFor = isWorker ? sharedQuiet(system.cluster.workerId) : 0
  const reset = isHanded ? 0 : await acceptQueued(acceptQueueOf(connections), system, isHurried, quietFor)
  closeListener(server)
  if (isHanded) await awaitDeclined(system, isHurried)
  return { reset, acceptedMore: connections.accepted > accepted }
}

/**
 * Not the method of http.Server: from Node 26.4 on that destroys what was accepted but has not been read yet
 * (https://github.com/nodejs/node/pull/63470), and it resets requests that are on their way at any version.
 */
export function closeListener(server: Server): void {
  if (server.listening) Server.prototype.close.call(server)
}
