import type { Server } from 'node:net'
import { shadow } from '../shadow.ts'
import type { Release } from '../system.ts'

/**
 * The native handle of a listening socket. Node calls these methods on the object itself. libuv's accept calls
 * `onconnection`, and node:cluster does in a worker.
 */
export interface ListeningHandle {
  /** Undefined on Windows, and in a worker of node:cluster. */
  readonly fd?: number
  onconnection?: (status: number, handle: unknown) => void
  listen(backlog: number): number
  close(callback?: () => void): void
}

/** The native handle of a server that listens or is about to listen. */
export function listeningHandle(server: Server): ListeningHandle | undefined {
  return (server as { _handle?: ListeningHandle | null })._handle ?? undefined
}

/** Sets the return value of `address()` of a server on a Unix socket. */
export function nameAddress(server: Server, path: string): void {
  ;(server as { _pipeName?: string })._pipeName = path
}

/**
 * Takes a server's handle away and closes it, as Node does when `listen()` fails: no 'close' is emitted.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (setupListenHandle)
 */
export function discardListeningHandle(server: Server): void {
  listeningHandle(server)?.close()
  ;(server as { _handle?: ListeningHandle | null })._handle = null
}

/**
 * Whether a server stores its handle where `onListeningHandle` looks for it. The server must not be
 * listening.
 */
export function keepsListeningHandle(server: Server): boolean {
  const own = Object.getOwnPropertyDescriptor(server, '_handle')
  return own?.configurable === true && own.value === null
}

/**
 * Calls back, once, when Node gives a server its handle: after the handle was created or has adopted a descriptor, and
 * before Node tells it to listen.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (setupListenHandle)
 * @returns a function that ends the wait; undefined if the server has a handle already, or stores it
 * elsewhere
 */
export function onListeningHandle(
  server: Server,
  listener: (handle: ListeningHandle) => void,
): (() => void) | undefined {
  const own = Object.getOwnPropertyDescriptor(server, '_handle')
  if (own === undefined || !keepsListeningHandle(server)) return undefined
  let waiting = true
  const end = (value: unknown): void => {
    waiting = false
    Object.defineProperty(server, '_handle', { ...own, value })
  }
  Object.defineProperty(server, '_handle', {
    configurable: true,
    enumerable: own.enumerable ?? true,
    get: () => null,
    set(handle: ListeningHandle | null) {
      end(handle)
      if (handle !== null) listener(handle)
    },
  })
  return () => {
    if (waiting) end(null)
  }
}

/**
 * Prevents a server from emitting 'close' for as long as its closing can be reverted.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/net.js (Server.prototype._emitCloseIfDrained)
 * @returns a function that ends that: the server emits 'close' if it has closed by then
 */
export function postponeClose(server: Server): Release {
  const internals = server as Server & { _emitCloseIfDrained?: () => void }
  if (typeof internals._emitCloseIfDrained !== 'function') return () => {}
  let due = false
  const restore = shadow(
    internals as { _emitCloseIfDrained: () => void },
    '_emitCloseIfDrained',
    () => () => {
      due = true
    },
  )
  return () => {
    restore()
    if (due) internals._emitCloseIfDrained?.()
    due = false
  }
}
