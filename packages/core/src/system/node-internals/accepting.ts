import type { Server, Socket } from 'node:net'
import { shadow } from '../shadow.ts'
import type { Release } from '../system.ts'
import { listeningHandle, type ListeningHandle } from './listening-handle.ts'

/**
 * Calls back when a listening server gets its first connection. Unlike a listener of 'connection', the
 * application cannot see this.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 */
export function onFirstConnection(server: Server, listener: () => void): Release | undefined {
  const handle = listeningHandle(server)
  if (typeof handle?.onconnection !== 'function') return undefined
  const restore = shadow(
    handle,
    'onconnection',
    (original) =>
      function (this: unknown, ...event: [status: number, handle: unknown]): void {
        restore()
        listener()
        Reflect.apply(original as (...given: unknown[]) => void, this, event)
      },
  )
  return restore
}

/** A listening socket whose connections are counted. */
export interface AcceptQueue {
  /** How many have been accepted so far. */
  readonly accepted: number
  /** The descriptor of a TCP socket, if there is one. */
  readonly fd: number | undefined
  readonly isOpen: boolean
  /** Closes the socket at once. */
  close(): void
}

/** Servers whose connections are held. */
const holding = new WeakSet<Server>()

/**
 * From now on holds the connections that are accepted for a server: they are established, but not read until
 * the socket is closed. The caller still has to close the server then.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 */
export function holdAccepted(server: Server): AcceptQueue | undefined {
  const handle = listeningHandle(server)
  if (typeof handle?.onconnection !== 'function') return undefined
  holding.add(server)
  return hold(
    handle,
    () => server.listening,
    () => holding.delete(server),
  )
}

/**
 * The same in a primary of node:cluster, for a socket that it accepts on for its workers: they are handed what it holds when
 * the socket has been closed.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/cluster/round_robin_handle.js (distribute)
 */
export function holdHanded(handle: ListeningHandle): AcceptQueue {
  return hold(
    handle,
    () => handle.fd === undefined || handle.fd >= 0,
    () => {},
  )
}

function hold(handle: ListeningHandle, isOpen: () => boolean, onEnd: () => void): AcceptQueue {
  const held: unknown[] = []
  let count = 0
  const restore = shadow(handle, 'onconnection', (original) => (status: number, accepted: unknown): void => {
    if (status !== 0 || accepted === undefined) {
      Reflect.apply(original as (...event: unknown[]) => void, handle, [status, accepted])
      return
    }
    count++
    held.push(accepted)
  })
  return {
    // The handle of a Unix socket has no such method.
    fd: 'getsockname' in handle ? handle.fd : undefined,
    get accepted() {
      return count
    },
    get isOpen() {
      return isOpen()
    },
    close() {
      handle.close()
      restore()
      onEnd()
      for (const accepted of held.splice(0)) give(handle, accepted)
    },
  }
}

/** Whether the connections of a server are held, so that they reach it later. */
export function holdsAccepted(server: Server): boolean {
  return holding.has(server)
}

/**
 * Never throws: an error of a listener of 'connection' becomes an uncaught exception, as in a call from
 * libuv.
 */
function give(handle: ListeningHandle, accepted: unknown): void {
  try {
    handle.onconnection?.(0, accepted)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** Whether a server would take a native handle. Beyond `maxConnections` Node drops it, and its client sees a reset. */
export function canAcceptHandle(server: Server): boolean {
  if (typeof listeningHandle(server)?.onconnection !== 'function') return false
  const count = (server as { _connections?: number })._connections ?? 0
  return server.maxConnections === undefined || count < server.maxConnections
}

/**
 * Gives a native handle to a server as if the server had accepted it: it is counted and treated like its own.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (onconnection)
 * @returns the connection, undefined if the server has not taken it: the caller still has the handle then
 */
export function acceptHandle(server: Server, handle: unknown): Socket | undefined {
  const listening = listeningHandle(server)
  if (handle === undefined || !canAcceptHandle(server)) return undefined
  let socket: Socket | undefined
  const onConnection = (arrived: Socket): void => {
    socket = arrived
  }
  server.prependListener('connection', onConnection)
  try {
    listening?.onconnection?.(0, handle)
  } finally {
    server.off('connection', onConnection)
  }
  return socket
}
