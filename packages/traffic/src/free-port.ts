import { once } from 'node:events'
import net from 'node:net'

/** Ports below those that the kernel gives to outgoing connections, one of which could take it before the server does. */
const [lowest, count] = [10_000, 20_000]

/** Workers of a test runner take theirs from parts of their own: between two steps of one another could take the port. */
const workers = 4
const part = Math.floor(count / workers)
const first = lowest + ((Number(process.env['JEST_WORKER_ID'] ?? 0) || 0) % workers) * part

let next = Math.floor(Math.random() * part)

/** Finds a free port. A server on port 0 finds one too, but such a port is never inherited. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + (next++ % part)
    const server = net.createServer()
    try {
      await once(server.listen(port), 'listening')
      return port
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    } finally {
      if (server.listening) await once(server.close(), 'close')
    }
  }
}
