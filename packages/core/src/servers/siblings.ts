import type { Server } from 'node:net'

/**
 * Returns a function that tells which other servers answer with the same function on the same port: Fastify
 * opens a second server for the other address family of `localhost`.
 */
export function siblingsOf(server: Server): (other: Server) => boolean {
  const handlers = new Set(server.listeners('request'))
  const port = portOf(server)
  return (other) =>
    port !== undefined &&
    portOf(other) === port &&
    other.listeners('request').some((handler) => handlers.has(handler))
}

function portOf(server: Server): number | undefined {
  const address = server.address()
  return typeof address === 'object' ? address?.port : undefined
}
