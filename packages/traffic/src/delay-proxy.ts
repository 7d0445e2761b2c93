import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { DelayLine } from './delay-line.ts'
import { reset } from './reset.ts'

export interface DelayProxyOptions {
  targetPort: number
  /** @default '127.0.0.1' */
  targetHost?: string
  /** Milliseconds from a request to its answer that the way alone takes; each direction takes half. @default 30 */
  roundTrip?: number
}

export interface DelayProxy {
  readonly port: number
  /** Connections the target refused; each was reset towards the client. */
  readonly refusedUpstream: number
  /** Client connections open now. */
  readonly openConnections: number
  /** Resets what is open and stops listening. May be called twice. */
  close(): Promise<void>
}

/** What may be on its way in one direction of one connection before its sender is made to wait. */
const WINDOW = 1024 * 1024

/**
 * A TCP proxy that puts distance between a client and a server on one machine.
 *
 * On loopback the time between "the server closes" and "the client knows" is next to nothing, and exactly in that
 * time requests are lost. So every chunk, every FIN and every reset takes half a round trip, in order, and so does the
 * SYN: the target sees the connection half a round trip late. The client's own connect is answered at once, by the
 * kernel; only that is quicker than on a real line.
 */
export async function startDelayProxy(options: DelayProxyOptions): Promise<DelayProxy> {
  const { targetPort, targetHost = '127.0.0.1', roundTrip = 30 } = options
  const line = new DelayLine(roundTrip / 2)
  const sockets = new Set<Socket>()
  let refusedUpstream = 0
  let openConnections = 0

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const target = new net.Socket({ allowHalfOpen: true })
    for (const socket of [client, target]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
    openConnections += 1
    client.on('close', () => (openConnections -= 1))
    target.on('error', (error: NodeJS.ErrnoException) => {
      if (error.syscall === 'connect') refusedUpstream += 1
    })
    // First in the queue, so that whatever the client says finds the target at least connecting; Node keeps it until then.
    line.push(() => {
      if (!target.destroyed) target.connect({ port: targetPort, host: targetHost, noDelay: true })
    })
    carry(client, target, line)
    carry(target, client, line)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    port: (server.address() as AddressInfo).port,
    get refusedUpstream() {
      return refusedUpstream
    },
    get openConnections() {
      return openConnections
    },
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      line.clear()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** One direction: what `from` says reaches `to` one delay later, be it bytes, the FIN or a reset. */
function carry(from: Socket, to: Socket, line: DelayLine): void {
  let underway = 0
  // A slow reader has to be felt by the sender, as it would be without a proxy in between.
  const throttle = (): void => {
    if (underway + to.writableLength > WINDOW) from.pause()
    else if (from.isPaused()) from.resume()
  }
  from.on('data', (chunk: Buffer) => {
    underway += chunk.length
    throttle()
    line.push(() => {
      underway -= chunk.length
      if (to.writable) to.write(chunk)
      throttle()
    })
  })
  to.on('drain', throttle)
  from.on('end', () => line.push(() => to.end()))
  from.on('error', () => line.push(() => reset(to)))
}
