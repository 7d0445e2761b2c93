import type { Socket } from 'node:net'
import { shadow } from '../../system/shadow.ts'
import type { Release, System } from '../../system/system.ts'

/** How long a client that was told to leave may take to close its side. */
const replayTimeout = 2000

const endOfHead = Buffer.from('\r\n\r\n')

type Done = (error?: Error | null) => void

/** A connection that has moved may live for days: it is not to be slow for that. */
const longLived = { keepsOwn: true }

/** The two methods by which a stream writes, for its implementers. Node documents them. */
interface Writing extends Omit<Socket, '_write' | '_writev'> {
  _write(chunk: Buffer | string, encoding: BufferEncoding | 'buffer', done: Done): void
  _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding | 'buffer' }[], done: Done): void
}

export interface Replay {
  /** The request's head, and what came behind it. */
  readonly bytes: Buffer
  /** Judges the answer's head, which its client has had long ago. What is returned takes the place of the rest. */
  readonly judge: (head: string) => Buffer | undefined
}

/**
 * Lets a server read the request of a connection again: its own router, authentication and handlers run as for any
 * client. The head of its answer is not sent, because the client has had one from another process.
 */
export function replay(system: System, socket: Socket, { bytes, judge }: Replay): void {
  const writing = socket as unknown as Writing
  let head: Buffer = Buffer.alloc(0)
  let refused = false
  /** @returns what is to be sent */
  const swallow = (chunk: Buffer): Buffer => {
    if (refused) return Buffer.alloc(0)
    head = Buffer.concat([head, chunk])
    for (;;) {
      const end = head.indexOf(endOfHead)
      if (end < 0) return Buffer.alloc(0)
      const text = head.toString('latin1', 0, end + endOfHead.length)
      head = head.subarray(end + endOfHead.length)
      // Early hints and their like come before the answer.
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

/** Ends a connection behind what is being written. Nothing that the client still sends may turn that into a reset. */
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
