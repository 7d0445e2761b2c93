import type { ChildProcess } from 'node:child_process'
import { platform } from 'node:os'

/** What Node keeps on the end of an IPC channel. Messages wait in the queue while a handle awaits its receipt. */
interface HandleQueue {
  _handleQueue?: unknown[] | null
}

/** So few that a connection which is on its way arrives within a few milliseconds even on a busy machine. */
const window = 8

/**
 * Node sends one handle and then nothing until its receipt has come back. On a busy machine that is two waits for the
 * scheduler for each connection, and most of the time that thousands of them take to move. Linux keeps any number of
 * messages with a handle apart and in order, so there the next may follow at once; elsewhere Node's way stands.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (target._send, NODE_HANDLE_ACK)
 */
export class HandleChannel {
  readonly #child: ChildProcess & HandleQueue
  readonly #eager: boolean

  constructor(child: ChildProcess) {
    this.#child = child
    this.#eager = platform() === 'linux' && '_handleQueue' in child
    if (!this.#eager) return
    child.prependListener('internalMessage', (message: { cmd?: unknown } | null) => {
      const isReceipt = message?.cmd === 'NODE_HANDLE_ACK' || message?.cmd === 'NODE_HANDLE_NACK'
      // Node insists on a queue when a receipt comes.
      if (isReceipt) this.#child._handleQueue ??= []
    })
  }

  /** How many handles can be on their way together. */
  get atOnce(): number {
    return this.#eager ? window : 1
  }

  /** Sends a message, with a native handle where a descriptor goes along. Rejects if the channel is gone. */
  send(body: object, handle?: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      // Node's types know documented classes only; a native handle is what node:cluster sends.
      this.#child.send(body, handle as never, {}, (error) => (error === null ? resolve() : reject(error)))
      if (this.#eager && this.#child._handleQueue?.length === 0) this.#child._handleQueue = null
    })
  }
}
