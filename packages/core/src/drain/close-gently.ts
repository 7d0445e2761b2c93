import type { Socket } from 'node:net'
import type { Release, System } from '../system/system.ts'

/**
 * How long a client that has not closed its side may be silent before it is cut: time for a FIN to return
 * over any network. nginx waits 5 s (`lingering_timeout`), but for clients that are still uploading.
 */
const finTimeout = 2000

/**
 * Ends a connection so that the last response arrives: sends a FIN, reads until the client's FIN, then
 * closes. Closing at once would answer bytes that are on their way with a reset, and a reset makes the
 * client's kernel discard data that the client has not read yet. Bytes that arrive in the meantime are
 * discarded: the client knows that the connection ends.
 *
 * A client that never closes its side is cut once it has sent nothing for a while, counted from the last
 * byte sent to it.
 */
export function closeGently(socket: Socket, system: System): void {
  if (closing.has(socket) || socket.destroyed) return
  closing.add(socket)
  // Node's parser would read these bytes as the next request. It lets go of a socket that has another reader.
  socket.removeAllListeners('data')
  let stopWaiting: Release = () => {}
  const wait = (): void => {
    stopWaiting()
    stopWaiting = system.setTimeout(() => socket.destroy(), finTimeout)
  }
  socket.on('data', wait)
  socket.once('close', () => stopWaiting())
  socket.once('end', () => {
    // Not before our own side has finished: the client may have closed its half first and still be reading.
    if (socket.writableFinished) socket.destroy()
    else socket.once('finish', () => socket.destroy())
  })
  // A Duplex that is not a socket has no timeout.
  ;(socket as Partial<Socket>).setTimeout?.(0)
  socket.end(wait)
  if (socket.readableEnded) socket.once('finish', () => socket.destroy())
  socket.resume()
}

/** Whether `closeGently` is ending this connection. */
export function isClosing(socket: Socket): boolean {
  return closing.has(socket)
}

const closing = new WeakSet<Socket>()
