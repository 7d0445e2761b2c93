import { once } from 'node:events'
import net from 'node:net'

/**
 * A port on which nobody listens, and which stays free for a while: below the range from which the kernel takes the
 * local ports of outgoing connections, of which these tests make thousands.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
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
