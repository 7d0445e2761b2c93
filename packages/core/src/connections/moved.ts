import type { Socket } from 'node:net'

const moved = new WeakSet<Socket>()

/**
 * Closes this process's descriptor of a connection that continues in another process. The client notices
 * nothing.
 */
export function closeMoved(socket: Socket): void {
  moved.add(socket)
  socket.destroy()
}

/** Whether a connection has moved to another process. */
export function hasMoved(socket: Socket): boolean {
  return moved.has(socket)
}
