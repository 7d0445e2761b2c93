import type { Socket } from 'node:net'

const moved = new WeakSet<Socket>()

/** Closes this process's descriptor of a connection that goes on in another: nothing ends for its client. */
export function closeMoved(socket: Socket): void {
  moved.add(socket)
  socket.destroy()
}

/** Whether a connection has gone on in another process. */
export function hasMoved(socket: Socket): boolean {
  return moved.has(socket)
}
