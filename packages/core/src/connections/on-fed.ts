import type { Server, Socket } from 'node:net'

/**
 * Calls back, once, when other code passes a connection to a server that does not listen, for example a
 * server that distinguishes HTTP from TLS by the first byte. This runs before the server itself sees the
 * connection. It ends when the server listens.
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
