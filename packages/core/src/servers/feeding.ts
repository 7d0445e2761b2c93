import type { Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Connections } from '../connections/connections.ts'
import { listConnections } from '../connections/list.ts'
import { ownerOf, trackConnections } from '../system/node-internals.ts'
import type { Release } from '../system/system.ts'

/**
 * Whether the connections of a server that does not listen can be known: Node creates its list of HTTP/1
 * connections at 'listening'.
 */
export function canBeFed(server: Server): boolean {
  if ('updateSettings' in server) return true
  return (
    'closeIdleConnections' in server &&
    trackConnections(server) !== undefined &&
    listConnections(server as HttpServer) !== undefined
  )
}

/**
 * Follows the connections that other servers pass to one that does not listen. A connection belongs to only
 * one server: otherwise the server that has accepted it would drain it as well.
 * @param first the first of them
 * @returns the servers that have passed connections, which grows, and a function that stops following
 */
export function followFeeders(
  connections: Connections,
  first: Socket,
  connectionsOf: (owner: Server) => Connections | undefined,
): { fedBy: Set<Server>; release: Release } {
  const { server } = connections
  const fedBy = new Set<Server>()
  const take = (socket: Socket): void => {
    const owner = ownerOf(socket)
    if (owner === undefined || owner === server) return
    fedBy.add(owner)
    connectionsOf(owner)?.disown(socket)
  }
  // Before Node makes it a connection of this server.
  server.prependListener('connection', take)
  connections.adopt(first)
  take(first)
  return { fedBy, release: () => void server.off('connection', take) }
}
