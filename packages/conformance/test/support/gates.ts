import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { Inbox, type Leftovers } from '@zerodrop/traffic'

/** Something in a server that waits for the test. */
export interface Visit {
  name: string
  pid: number
  /** Lets it go on. */
  open(): void
}

export interface Gates {
  readonly port: number
  /** The next that waits and was not taken yet. */
  visit(): Promise<Visit>
}

/**
 * Where the servers under test wait until the test lets them go on. A channel of its own, because a server that drains
 * takes no new connection by which it could be told.
 */
export async function openGates(undo: Leftovers): Promise<Gates> {
  const visits = new Inbox<Visit>()
  const sockets = new Set<Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    createInterface({ input: socket }).once('line', (line) => {
      visits.push({ ...(JSON.parse(line) as { name: string; pid: number }), open: () => socket.end() })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.add(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, visit: () => visits.take() }
}
