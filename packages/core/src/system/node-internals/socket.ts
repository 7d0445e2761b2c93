import { type AddressInfo, Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Release } from '../system.ts'

interface Handle {
  readonly writeQueueSize?: number
  /** Of TLS: the handle that carries the encrypted bytes. */
  readonly _parent?: Handle | null
}

/** How many bytes were written and are still in this process: in the stream, in libuv, and below TLS. */
export function unsentBytes(socket: Socket): number | undefined {
  const { _handle: handle } = socket as { readonly _handle?: Handle | null }
  // A destroyed socket has no handle, nor has a stream that is no socket.
  if (handle === undefined || handle === null) return socket.writableLength
  if (typeof handle.writeQueueSize !== 'number') return undefined
  return socket.writableLength + handle.writeQueueSize + (handle._parent?.writeQueueSize ?? 0)
}

/**
 * The server that a socket belongs to: the one that has accepted it, until an http server that is given it takes it over.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 */
export function ownerOf(socket: Socket): Server | undefined {
  const { server } = socket as { server?: unknown }
  return server instanceof Server ? server : undefined
}

/** The end of a connection that libuv reads. */
interface NativeHandle {
  /** Whether Node has asked for what arrives. */
  reading?: boolean
  readStop(): number
  readStart(): number
}

const movable = ['TCP', 'Pipe']

/**
 * The handle of a connection that the kernel knows and Node has not wrapped: another process can go on with it. Undefined
 * for any other stream, such as a TLS socket or a Duplex, which lives in this process only.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (createHandle)
 */
export function movableHandleOf(stream: Duplex): NativeHandle | undefined {
  if (!(stream instanceof Socket)) return undefined
  const { _handle: handle } = stream as Socket & { readonly _handle?: Partial<NativeHandle> | null }
  if (typeof handle?.readStop !== 'function' || typeof handle.readStart !== 'function') return undefined
  return movable.includes(handle.constructor.name) ? (handle as NativeHandle) : undefined
}

/**
 * Stops reading from a connection without its stream, and so its application, noticing. Bytes that arrive wait in the
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
      // One that Node has stopped to read meanwhile, or before, stays as Node wants it.
      if (!socket.destroyed && movableHandleOf(socket) === handle && handle.reading !== false)
        handle.readStart()
    },
  }
}

/**
 * Gives addresses to a socket that Node has put around a Duplex and that has none. Without the methods that Node asks for
 * them, they stay undefined.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (Socket.prototype._getpeername, _getsockname)
 */
export function setAddresses(socket: object, local: AddressInfo, remote: AddressInfo): void {
  Reflect.set(socket, '_getsockname', () => local)
  Reflect.set(socket, '_getpeername', () => remote)
}
