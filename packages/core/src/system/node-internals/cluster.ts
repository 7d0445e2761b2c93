import type { EventEmitter } from 'node:events'
import net, { Server } from 'node:net'
import { shadow } from '../shadow.ts'
import type { Release } from '../system.ts'
import type { ListeningHandle } from './listening-handle.ts'

/**
 * Calls back when node:cluster has bound a socket in the primary on which the workers accept themselves
 * (SCHED_NONE). It is the only user of this function of node:net.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/cluster/shared_handle.js
 */
export function onSharedHandle(listener: (handle: ListeningHandle) => void): Release | undefined {
  const maker = net as unknown as { _createServerHandle?: (...args: unknown[]) => ListeningHandle | number }
  const { _createServerHandle: create } = maker
  if (typeof create !== 'function') return undefined
  return shadow(maker, '_createServerHandle', (original) => (...args) => {
    const handle = (original ?? create)(...args)
    if (typeof handle === 'object') listener(handle)
    return handle
  })
}

/** Marks zerodrop's messages among those that Node hides from the application because of their prefix. */
const internalCommand = 'NODE_ZERODROP'

/** The two ends of a channel to a worker of node:cluster: the worker's own process, and the primary's view of it. */
export type ChannelEnd = Pick<NodeJS.Process, 'connected' | 'send'> & EventEmitter

/**
 * Sends a message over the channel between a worker of node:cluster and its primary without the application
 * seeing it: Node emits messages whose `cmd` begins with `NODE_` as 'internalMessage', in order with all
 * others. The message is lost without an error if it has no listener or the channel is closed.
 * https://nodejs.org/docs/latest-v20.x/api/child_process.html#subprocesssendmessage-sendhandle-options-callback
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (isInternal)
 */
export function sendInternalMessage(end: ChannelEnd, message: object): void {
  if (!end.connected) return
  try {
    end.send?.({ cmd: internalCommand, ...message }, undefined, undefined, () => {})
  } catch {
    // The channel is closing, so the message is lost as well.
  }
}

/** Listens for messages of `sendInternalMessage()` from the other end. */
export function onInternalMessage(end: ChannelEnd, listener: (message: object) => void): Release {
  const onMessage = (message: { cmd?: unknown }): void => {
    if (message.cmd === internalCommand) listener(message)
  }
  end.on('internalMessage', onMessage)
  return () => end.off('internalMessage', onMessage)
}

/**
 * Whether node:cluster has just called `listen()` on a server, to accept connections for workers. Node then
 * takes its handle away, and the server is never used. Call this inside `listen()`.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/cluster/round_robin_handle.js
 */
export function isClusters(server: Server): boolean {
  if (server.constructor !== Server || server.listenerCount('connection') !== 1) return false
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 50
  const { stack = '' } = new Error('listen')
  Error.stackTraceLimit = stackTraceLimit
  return stack.includes('node:internal/cluster/')
}
