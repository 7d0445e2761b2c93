import type { Server as HttpServer } from 'node:http'
import type { Server } from 'node:net'
import { shadow } from '../system/shadow.ts'
import type { Release } from '../system/system.ts'

/**
 * Makes `closeAllConnections()` and `closeIdleConnections()` of a server do nothing while it drains: the
 * first would cut in-flight requests, and the second would lose requests that are on their way. The drain
 * ends all connections by itself.
 */
export function holdConnections(server: Server): Release {
  const releases = (['closeAllConnections', 'closeIdleConnections'] as const)
    .filter((method) => method in server)
    .map((method) => shadow(server as HttpServer, method, () => () => {}))
  return () => {
    for (const release of releases) release()
  }
}
