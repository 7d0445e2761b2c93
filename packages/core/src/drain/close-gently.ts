import type { Socket } from 'node:net'
import type { Release, System } from '../system/system.ts'

/**
 * How long a client that goes on sending may be silent before it is cut. Time for a FIN to come back over any network;
 * nginx waits 5 s (`lingering_timeout`), but for clients that are still uploading.
 */
const finTimeout = 2000

/**
 * Ends a connection so that the last response arrives: FIN, then reading to the client's FIN, then close. Closing at
 * once would answer bytes that are on their way with a reset, and a reset makes the client's kernel throw away what
 * it has received but not yet read. What arrives meanwhile is thrown away: its sender has been told.
 *
 * A client that never closes its side is cut after a while without a word from it, counted from when all was sent.
 */
export function closeGently(socket: Socket, system: System): void {
  if (closing.has(socket) || socket.destroyed) return
  closing.add(socket)
  // Node's parser would take what arrives for the next request. It lets go of a socket with a reader of its own.
  socket.removeAllListeners('data')
  let stopWaiting: Release = () => {}
  const wait = (): void => {
    stopWaiting()
    stopWaiting = system.setTimeout(() => socket.destroy(), finTimeout)
  }
  socket.on('data', wait)
  socket.once('close', () => stopWaiting())
  socket.once('end', () => {
    // Not before our own side is through: the client may have closed its half first and still be reading.
    if (socket.writableFinished) socket.destroy()
    else socket.once('finish', () => socket.destroy())
  })
  // A Duplex that is no socket has no timeout.
  ;(socket as Partial<Socket>).setTimeout?.(0)
  socket.end(wait)
  if (socket.readableEnded) socket.once('finish', () => socket.destroy())
  socket.resume()
}

/** Whether `closeGently` has this connection in hand. */
export function isClosing(socket: Socket): boolean {
  return closing.has(socket)
}

const closing = new WeakSet<Socket>()
