import { ChildProcess, type SendHandle } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import { isSocket } from '../file-status.ts'
import { shadow } from '../shadow.ts'
import type { Spawnable } from './spawn.ts'

/** One end of a Node IPC channel. It emits 'message' and, once, 'disconnect'. */
export interface Channel extends EventEmitter {
  readonly connected: boolean
  readonly channel?: { ref(): void; unref(): void } | null
  send(
    message: object,
    handle: SendHandle | undefined,
    options: object,
    callback: (error: Error | null) => void,
  ): void
  disconnect(): void
}

/**
 * Node's private fields on the end of a channel. Messages wait in the queue while a handle awaits its
 * receipt.
 */
interface HandleQueue {
  _handleQueue?: unknown[] | null
  _disconnect?(): void
}

/**
 * Makes a channel emit 'disconnect' when the process at the other end dies, even if a handle was on its way
 * there. Node delays the end of the channel until the receipt arrives, which never happens.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (target.disconnect)
 */
export function endWithoutReceipts(channel: Pick<Channel, 'connected' | 'disconnect'>): void {
  const internals = channel as Channel & HandleQueue
  shadow(internals, 'disconnect', (disconnect) => () => {
    disconnect.call(internals)
    if (internals.connected || !Array.isArray(internals._handleQueue)) return
    internals._handleQueue = null
    internals._disconnect?.()
  })
}

interface Options {
  readonly stdio?: readonly unknown[]
}

/** An entry of the stdio that `ChildProcess.spawn()` prepares. */
interface StdioEntry {
  readonly ipc?: boolean
  readonly handle?: { open(fd: number): number }
}

/** libuv's `EINVAL`: Node then gives up the attempt. */
const invalid = -22

/**
 * Opens the end of an IPC channel that this process has inherited, as a separate object. Node itself does
 * that only for `process`, where the application would see it. A `ChildProcess` gets a channel when its
 * process is spawned: here no process is spawned, and the new channel is opened on our descriptor.
 * https://github.com/nodejs/node/blob/v24.11.0/lib/internal/child_process.js (ChildProcess.prototype.spawn)
 */
export function openChannel(fd: number): Channel | undefined {
  try {
    // libuv aborts the process when it reads messages from any other kind of descriptor.
    if (!isSocket(fd)) return undefined
    const child = new ChildProcess()
    const { _handle: handle } = child as unknown as Spawnable
    let isOpen = false
    handle.spawn = (...given) => {
      // Node 20 and 22 pass an object with the entries, later versions the entries themselves.
      const entries = given.flatMap((each) => (Array.isArray(each) ? each : (each as Options)?.stdio) ?? [])
      const pipe = (entries as StdioEntry[]).find((entry) => entry?.ipc === true)?.handle
      const result = pipe?.open(fd) ?? invalid
      isOpen = result === 0
      return result
    }
    ;(child as unknown as Spawnable).spawn({
      file: '',
      args: [],
      envPairs: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    if (!isOpen || !child.connected) return undefined
    // The channel must not keep the process alive, and the predecessor's death is not an 'error' of this
    // process.
    child.channel?.unref()
    child.on('error', () => {})
    endWithoutReceipts(child)
    return child as unknown as Channel
  } catch {
    return undefined
  }
}

/**
 * Whether a channel keeps messages in a queue while a handle awaits its receipt, where `skipReceipt()` finds it.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (target._send)
 */
export function hasHandleQueue(channel: object): boolean {
  return '_handleQueue' in channel
}

/** Lets the next message follow a handle at once, unless others wait already. */
export function skipReceipt(channel: object): void {
  const queue = channel as HandleQueue
  if (queue._handleQueue?.length === 0) queue._handleQueue = null
}

/** A receipt has arrived, for which Node requires a queue. */
export function expectReceipt(channel: object): void {
  ;(channel as HandleQueue)._handleQueue ??= []
}
