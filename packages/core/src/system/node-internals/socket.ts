import { type AddressInfo, Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Release } from '../system.ts'

interface Handle {
  readonly writeQueueSize?: number
  /** For TLS, the handle that carries the encrypted bytes. */
  readonly _parent?: Handle | null
}

/** How many bytes were written and are still in this process: in the stream, in libuv, and below TLS. */
export function unsentBytes(socket: Socket): number | undefined {
  const { _handle: handle } = socket as { readonly _handle?: Handle | null }
  // A destroyed socket has no handle, and neither has a stream that is not a socket.
  if (handle === undefined || handle === null) return socket.writableLength
  if (typeof handle.writeQueueSize !== 'number') return undefined
  return socket.writableLength + handle.writeQueueSize + (handle._parent?.writeQueueSize ?? 0)
}

/**
 * The server of a socket: the server that has accepted it, until another http server takes it over.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 */
export function ownerOf(socket: Socket): Server | undefined {
  const { server } = socket as { server?: unknown }
  return server instanceof Server ? server : undefined
}

/** The handle of a connection that libuv reads. */
interface NativeHandle {
  /** Whether Node has started reading. */
  reading?: boolean
  readStop(): number
  readStart(): number
}

const movable = ['TCP', 'Pipe']

/**
 * The handle of a plain operating system socket, which another process can take over. Undefined for any
 * other stream, such as a TLS socket or a Duplex, which exists only in this process.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (createHandle)
 */
export function movableHandleOf(stream: Duplex): NativeHandle | undefined {
  if (!(stream instanceof Socket)) return undefined
  const { _handle: handle } = stream as Socket & { readonly _handle?: Partial<NativeHandle> | null }
  if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined
  return movable.includes(handle.constructor.name) ? (handle as NativeHandle) : undefined
}

/**
 * Stops reading from a connection without its stream or application noticing. Bytes that arrive wait in the
 * kernel for the process that reads next.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (tryReadStart, Socket.prototype.pause)
 */
export function stopReading(
  socket: Socket,
): { readonly handle: object; readonly resume: Release } | undefined {
  const handle = movableHandleOf(socket)
  if (handle === undefined) return undefined
  handle.readStop()
  return {
    handle,
    resume: () => {
      // If Node has stopped reading in the meantime, or before, it stays stopped.
      if (!socket.destroyed && movableHandleOf(socket) === handle && handle.reading !== false)
        handle.readStart()
    },
  }
}

/**
 * Sets the addresses of a socket that Node has wrapped around a Duplex. If Node lacks the methods that it
 * calls for them, they stay undefined.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (Socket.prototype._getpeername, _getsockname)
 */
export function setAddresses(socket: object, local: AddressInfo, remote: AddressInfo): void {
  Reflect.set(socket, '_getsockname', () => local)
  Reflect.set(socket, '_getpeername', () => remote)
}
