import type { Socket } from 'node:net'

/**
 * Ends a connection with a reset, also right behind `end()`. libuv refuses to reset a socket whose shutdown is under way
 * (`uv_tcp_close_reset()` in deps/uv/src/unix/tcp.c), and Node, which counts the socket as destroyed by then, never closes
 * it: https://github.com/nodejs/node/blob/v26.0.0/lib/net.js (Socket.prototype._destroy).
 */
export function reset(socket: Socket): void {
  const shutsDown = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
  if (shutsDown) socket.once('finish', () => socket.resetAndDestroy())
  else socket.resetAndDestroy()
}
