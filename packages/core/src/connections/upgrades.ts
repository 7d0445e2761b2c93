import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'

/** A connection that left HTTP, and the request by which it did. */
export interface Upgraded {
  readonly socket: Socket
  /** What it speaks now, in lower case: `websocket`, or whatever the `Upgrade` header asked for; `connect` for a tunnel. */
  readonly protocol: string
  readonly request: IncomingMessage
  /** What had been written on the connection by then: more means that the application has answered the upgrade. */
  readonly bytesWritten: number
}

const leaving = ['upgrade', 'connect'] as const

/**
 * Sees every connection of a server that leaves HTTP. Node lets go of such a socket altogether, and whether a server
 * upgrades at all depends on whether anyone listens: so this listens only as long as somebody else does.
 */
export function noteUpgrades(server: Server, note: (upgraded: Upgraded) => void): void {
  for (const event of leaving) {
    const onLeave = (request: IncomingMessage, socket: Socket): void => {
      const protocol = event === 'connect' ? event : (request.headers.upgrade ?? '').toLowerCase()
      note({ socket, protocol, request, bytesWritten: socket.bytesWritten })
    }
    const others = (): number =>
      server.listenerCount(event) - server.listeners(event).filter((each) => each === onLeave).length
    const listen = (): void => {
      if (server.listeners(event).includes(onLeave)) return
      // First, since the application may end the socket at once.
      server.prependListener(event, onLeave)
    }
    server.on('newListener', (name: string | symbol, listener: unknown) => {
      if (name === event && listener !== onLeave) listen()
    })
    server.on('removeListener', (name: string | symbol) => {
      if (name === event && others() === 0) server.off(event, onLeave)
    })
    if (others() > 0) listen()
  }
}
