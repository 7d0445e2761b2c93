import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { connectionsListOf, type Parser } from '../system/node-internals.ts'

/**
 * All connections on which Node reads HTTP/1 for a server; undefined if this version of Node keeps them
 * elsewhere. It is read only when a drain begins, so that zerodrop stores nothing for a connection until
 * then.
 */
export function listConnections(server: Server): Socket[] | undefined {
  const list = connectionsListOf(server)
  if (typeof list?.all !== 'function') return undefined
  return list.all().flatMap(({ socket }) => socket ?? [])
}

/** The same connections, grouped by the state of Node's parser. */
export function listActivity(
  server: Server,
): { readonly quiet: Iterable<Parser>; readonly active: Iterable<Parser> } | undefined {
  const list = connectionsListOf(server)
  if (typeof list?.idle !== 'function' || typeof list.active !== 'function') return undefined
  const active = new Set(list.active())
  return { quiet: list.idle().filter((parser) => !active.has(parser)), active }
}

/**
 * Whether a request has begun on a connection after the last one was read to its end; undefined if that is
 * unknown.
 */
export function hasBegunNext(server: object, socket: Socket): boolean | undefined {
  return connectionsListOf(server)
    ?.active?.()
    .some((parser) => parser.socket === socket)
}
