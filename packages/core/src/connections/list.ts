import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Node's list of what its parsers read on an http server, under a symbol of this description since Node 18. */
interface ConnectionsList {
  all(): { readonly socket: Socket | null }[]
}

/**
 * All connections that Node reads HTTP/1 on for a server; undefined if Node should ever keep them elsewhere. Read only
 * when a drain begins, so that nothing has to be kept for each connection until then.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/_http_server.js (kConnections)
 */
export function listConnections(server: Server): Socket[] | undefined {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  const list = symbol && (Reflect.get(server, symbol) as Partial<ConnectionsList> | undefined)
  if (typeof list?.all !== 'function') return undefined
  return list.all().flatMap(({ socket }) => socket ?? [])
}
