import { Socket } from 'node:net'
import { turns } from '../turns.ts'

/** Stands for Node's TCP handle. Its class name shows that the kernel knows the connection. */
class TCP {
  bytesRead = 1
  writeQueueSize = 0
  /** Node's own flag: whether it wants to read. */
  reading = true
  /** Whether libuv is reading. */
  isRead = true

  readStart(): number {
    this.isRead = true
    return 0
  }

  readStop(): number {
    this.isRead = false
    return 0
  }

  close(callback?: () => void): void {
    if (callback !== undefined) queueMicrotask(callback)
  }
}

export interface Movable {
  readonly socket: Socket
  readonly handle: TCP
  /** The data that was sent to the client. */
  readonly text: () => string
  /** The same as bytes, since the last call. */
  readonly take: () => Buffer
}

const open = new Set<Socket>()

/** Ends every connection of a test. */
export async function destroyAll(): Promise<void> {
  for (const socket of open) socket.destroy()
  open.clear()
  await turns()
}

/** An in-memory connection that could move to another process. Tests push the client's data. */
export function movable(): Movable {
  const socket = new Socket()
  open.add(socket)
  const handle = new TCP()
  let written: Buffer[] = []
  let taken = 0
  const write = (chunk: Buffer | string, encoding?: BufferEncoding): void => {
    written.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
  }
  Object.assign(socket, {
    _handle: handle,
    _read: () => {},
    _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void) {
      write(chunk, encoding)
      done()
    },
    _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], done: () => void) {
      for (const { chunk, encoding } of chunks) write(chunk, encoding)
      done()
    },
    _final: (done: () => void) => done(),
  })
  // Errors on this connection do not matter.
  socket.on('error', () => {})
  const all = (): Buffer => {
    written = [Buffer.concat(written)]
    return written[0]!
  }
  return {
    socket,
    handle,
    text: () => all().toString('latin1'),
    take: () => {
      const bytes = all().subarray(taken)
      taken += bytes.length
      return bytes
    },
  }
}
