import type { Server, Socket } from 'node:net'

/**
 * Calls back, once, when a server that does not listen is given a connection by other code, as one is behind a server that
 * looks at the first byte to tell HTTP from TLS. Before the server itself sees the connection. Forgotten as soon as the
 * server listens.
 */
export function onFed(server: Server, listener: (first: Socket) => void): void {
  if (watched.has(server)) return
  watched.add(server)
  const forget = (): void => {
    watched.delete(server)
    server.off('connection', onConnection)
    server.off('listening', forget)
  }
  const onConnection = (socket: Socket): void => {
    const isFed = !server.listening
    forget()
    if (isFed) listener(socket)
  }
  server.prependListener('connection', onConnection)
  server.on('listening', forget)
}

const watched = new WeakSet<Server>()
