import type { ChildProcess } from 'node:child_process'
import { platform } from 'node:os'
import { endWithoutReceipts, expectReceipt, hasHandleQueue, skipReceipt } from '../system/node-internals.ts'

interface Awaited {
  resolve(): void
  reject(error: Error): void
}

/** Few enough that the other connections are still served here while a slow successor takes these. */
const window = 4

/**
 * Node sends one handle and then nothing until its receipt has come back. On a busy machine each connection
 * then waits for the scheduler twice, which is most of the time that it takes to move thousands of them.
 * Linux keeps any number of messages with a handle separate and in order, so on Linux the next one may
 * follow at once; other systems keep Node's way.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (target._send, NODE_HANDLE_ACK)
 *
 * Only for native handles and small messages: Node keeps only one `net.Socket` pending, and if the other end
 * does not read a message in one piece, its descriptor would go to the next message.
 */
export class HandleChannel {
  readonly #child: ChildProcess
  readonly #eager: boolean
  /** The handles without a receipt so far, in the order in which they were sent. */
  readonly #awaited: Awaited[] = []

  constructor(child: ChildProcess) {
    this.#child = child
    endWithoutReceipts(child)
    this.#eager = platform() === 'linux' && hasHandleQueue(child)
    child.prependListener('internalMessage', (message: { cmd?: unknown } | null) => {
      const cmd = message?.cmd
      if (cmd !== 'NODE_HANDLE_ACK' && cmd !== 'NODE_HANDLE_NACK') return
      if (this.#eager) expectReceipt(this.#child)
      const sent = this.#awaited.shift()
      if (cmd === 'NODE_HANDLE_ACK') sent?.resolve()
      // For example, the other process has too many open files. Node does not report that.
      else sent?.reject(new Error('the successor could not receive the descriptor'))
    })
    child.once('disconnect', () => {
      for (const awaited of this.#awaited.splice(0)) awaited.reject(new Error('the channel is closed'))
    })
  }

  /** How many handles can be on their way at the same time. */
  get atOnce(): number {
    return this.#eager ? window : 1
  }

  /**
   * Sends a message, with a native handle if it carries a descriptor. Resolves when the message is sent or
   * its handle was received; rejects if the channel is gone or the other end could not receive the handle.
   */
  send(body: object, handle?: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const withHandle = handle !== undefined
      if (withHandle) this.#awaited.push({ resolve, reject })
      // Node's types only have documented classes; node:cluster sends native handles.
      this.#child.send(body, handle as never, {}, (error) => {
        if (error !== null) reject(error)
        else if (!withHandle) resolve()
      })
      if (this.#eager) skipReceipt(this.#child)
    })
  }
}
