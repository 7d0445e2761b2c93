import type { Socket } from 'node:net'
import { shadow } from '../../system/shadow.ts'
import type { Release, System } from '../../system/system.ts'

/** How long a client that was told to leave may take to close its side. */
const replayTimeout = 2000

const endOfHead = Buffer.from('\r\n\r\n')

type Done = (error?: Error | null) => void

/** A connection that has moved may live for days, so the shadowed methods must not slow it down. */
const longLived = { keepsOwn: true }

/** The two methods with which implementers of a stream write. Node documents them. */
interface Writing extends Omit<Socket, '_write' | '_writev'> {
  _write(chunk: Buffer | string, encoding: BufferEncoding | 'buffer', done: Done): void
  _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding | 'buffer' }[], done: Done): void
}

export interface Replay {
  /** The request's head, and the bytes that followed it. */
  readonly bytes: Buffer
  /** Checks the response head, which the client got long ago. The return value replaces the rest. */
  readonly judge: (head: string) => Buffer | undefined
}

/**
 * Lets a server read the request of a connection again: its router, authentication and handlers run as for
 * any client. The head of its response is not sent, because the client already got one from another process.
 */
export function replay(system: System, socket: Socket, { bytes, judge }: Replay): void {
  const writing = socket as unknown as Writing
  let head: Buffer = Buffer.alloc(0)
  let refused = false
  /** @returns the bytes to send */
  const swallow = (chunk: Buffer): Buffer => {
    if (refused) return Buffer.alloc(0)
    head = Buffer.concat([head, chunk])
    for (;;) {
      const end = head.indexOf(endOfHead)
      if (end < 0) return Buffer.alloc(0)
      const text = head.toString('latin1', 0, end + endOfHead.length)
      head = head.subarray(end + endOfHead.length)
      // Informational responses, such as early hints, come before the response.
      if (/^HTTP\/1\.\d 1(?!01)/.test(text)) continue
      const farewell = judge(text)
      if (farewell === undefined) {
        for (const release of releases.splice(0)) release()
        return head
      }
      refused = true
      dismiss(system, socket)
      return farewell
    }
  }
  const releases: Release[] = [
    shadow(
      writing,
      '_write',
      (write) =>
        function (this: Writing, chunk, encoding, done) {
          const rest = swallow(toBuffer(chunk, encoding))
          if (rest.length > 0) write.call(this, rest, 'buffer', done)
          else done()
        } as Writing['_write'],
      longLived,
    ),
    shadow(
      writing,
      '_writev',
      () =>
        function (this: Writing, chunks, done) {
          const all = Buffer.concat(chunks.map(({ chunk, encoding }) => toBuffer(chunk, encoding)))
          this._write(all, 'buffer', done)
        } as Writing['_writev'],
      longLived,
    ),
  ]
  socket.emit('data', bytes)
}

/**
 * Ends a connection after the pending writes. Bytes that the client still sends must not turn that into a
 * reset.
 */
function dismiss(system: System, socket: Socket): void {
  const restore = shadow(socket, 'destroy', () => (() => socket) as Socket['destroy'])
  const close = (): void => {
    stop()
    restore()
    socket.destroy()
  }
  const stop = system.setTimeout(close, replayTimeout)
  socket.once('end', close)
  system.setImmediate(() => {
    socket.removeAllListeners('data')
    socket.end()
    socket.resume()
  })
}

function toBuffer(chunk: Buffer | string, encoding: BufferEncoding | 'buffer'): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding === 'buffer' ? 'utf8' : encoding) : chunk
}
