import { Server } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { boundAddress } from '../listeners/address.ts'
import { listeningHandle } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'
import { acceptQueued, acceptQueueOf } from './accept-queued.ts'
import { awaitDeclined, awaitQuiet } from './accept-handed.ts'

/**
 * How long the accept queue that workers share has to stay empty, in milliseconds. The time differs between
 * workers: clients of a worker that closes return at that moment, when another worker that had waited as
 * long would close as well.
 */
const sharedQuiet = (workerId: number): number => 100 * (1 + (workerId % 8))

/** The result of closing a listening socket. */
export interface Stopped {
  /** How many new connections the kernel may have reset. */
  readonly reset: number
  /** Whether connections were accepted before it closed; nothing has been read from them yet. */
  readonly acceptedMore: boolean
}

/**
 * Closes the listening socket of a server, on which no other process accepts, once all queued connections
 * are accepted.
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
  // With round-robin scheduling, the primary accepts, and Node gives the worker's server a handle without a
  // descriptor.
  const isHanded = isWorker && listeningHandle(server)?.fd === undefined
  if (isWorker) await awaitQuiet(connections, system, isHanded ? isHurried : () => true)
  const quietFor = isWorker ? sharedQuiet(system.cluster.workerId) : 0
  const reset = isHanded ? 0 : await acceptQueued(acceptQueueOf(connections), system, isHurried, quietFor)
  closeListener(server)
  if (isHanded) await awaitDeclined(system, isHurried)
  return { reset, acceptedMore: connections.accepted > accepted }
}

/**
 * Does not use the method of http.Server: since Node 26.4 that destroys connections that were accepted but
 * not read yet (https://github.com/nodejs/node/pull/63470), and on every version it resets requests that are
 * on their way.
 */
export function closeListener(server: Server): void {
  if (server.listening) Server.prototype.close.call(server)
}
