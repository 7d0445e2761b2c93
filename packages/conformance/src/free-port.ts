import { once } from 'node:events'
import net from 'node:net'

/**
 * Finds a port that nobody listens on. A server on port 0 would find its own, but such a port is never inherited.
 * Below the ports that the kernel gives to outgoing connections, one of which could take it before the server does.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = net.createServer().listen(port)
    try {
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
