import type { Server } from 'node:net'

/**
 * Calls back, once, when a server that does not listen is given a connection by other code, as one is behind a server that
 * looks at the first byte to tell HTTP from TLS. Forgotten as soon as the server listens.
 */
export function onFed(server: Server, listener: () => void): void {
  if (watched.has(server)) return
  watched.add(server)
  const forget = (): void => {
    watched.delete(server)
    server.off('connection', onConnection)
    server.off('listening', forget)
  }
  const onConnection = (): void => {
    const isFed = !server.listening
    forget()
    if (isFed) listener()
  }
  server.on('connection', onConnection)
  server.on('listening', forget)
}

const watched = new WeakSet<Server>()
