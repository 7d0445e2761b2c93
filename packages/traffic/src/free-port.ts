import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'

/** Ports below those that the kernel usually gives to outgoing connections, one of which could take it before the server does. */
const [lowest, highest] = [10_000, 29_999]

/** Enough for all tests that run at the same time. */
const fewest = 4000

/** Workers of a test runner take theirs from parts of their own: between two steps of one another could take the port. */
const workers = 4
const part = Math.floor((below(highest) - lowest + 1) / workers)
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

/**
 * Returns the highest port, up to the given one, that is below those of outgoing connections. A sandbox may
 * begin these at another port than Linux does, gVisor at 16000. If that leaves too few, returns the given port.
 * https://github.com/google/gvisor/blob/32c18f443f567dac21465b3999d1a18b886891d1/pkg/tcpip/ports/ports.go
 */
function below(port: number): number {
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    const outgoing = Number.parseInt(range, 10)
    return outgoing >= lowest + fewest ? Math.min(port, outgoing - 1) : port
  } catch {
    return port
  }
}
