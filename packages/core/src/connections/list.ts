import type { Server } from 'node:http'
import type { Socket } from 'node:net'

interface Parser {
  readonly socket: Socket | null
}

/** Node's list of what its parsers read on an http server, under a symbol of this description since Node 18. */
interface ConnectionsList {
  all(): Parser[]
  /** Those that have read a message to its end and have not begun another. */
  idle(): Parser[]
  /** Those of which a message has begun, or none ever came; from Node 26 on the latter are in both lists. */
  active(): Parser[]
}

/**
 * All connections that Node reads HTTP/1 on for a server; undefined if Node should ever keep them elsewhere. Read only
 * when a drain begins, so that nothing has to be kept for each connection until then.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (kConnections)
 */
export function listConnections(server: Server): Socket[] | undefined {
  const list = listOf(server)
  if (typeof list?.all !== 'function') return undefined
  return list.all().flatMap(({ socket }) => socket ?? [])
}

/** The same, each once, by what Node's parsers do. */
export function listActivity(
  server: Server,
): { readonly quiet: Iterable<Parser>; readonly active: Iterable<Parser> } | undefined {
  const list = listOf(server)
  if (typeof list?.idle !== 'function' || typeof list.active !== 'function') return undefined
  const active = new Set(list.active())
  return { quiet: list.idle().filter((parser) => !active.has(parser)), active }
}

function listOf(server: Server): Partial<ConnectionsList> | undefined {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  return symbol && (Reflect.get(server, symbol) as Partial<ConnectionsList> | undefined)
}
