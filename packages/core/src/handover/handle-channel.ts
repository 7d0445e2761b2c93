import type { ChildProcess } from 'node:child_process'
import { platform } from 'node:os'
import { endWithoutReceipts, expectReceipt, hasHandleQueue, skipReceipt } from '../system/node-internals.ts'

interface Awaited {
  resolve(): void
  reject(error: Error): void
}

/** So few that those behind them are served here and not left to a successor that is slow. */
const window = 4

/**
 * Node sends one handle and then nothing until its receipt has come back. On a busy machine that is two waits for the
 * scheduler for each connection, and most of the time that thousands of them take to move. Linux keeps any number of
 * messages with a handle apart and in order, so there the next may follow at once; elsewhere Node's way stands.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (target._send, NODE_HANDLE_ACK)
 *
 * For native handles and small messages only: of a `net.Socket` Node keeps one as pending, and a message that the other
 * end does not read in one piece would share its descriptor with the next.
 */
export class HandleChannel {
  readonly #child: ChildProcess
  readonly #eager: boolean
  /** The handles whose receipt has not come, in the order in which they were sent. */
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
      // It has too many files open, say. Node tells nobody.
      else sent?.reject(new Error('the successor could not receive the descriptor'))
    })
    child.once('disconnect', () => {
      for (const awaited of this.#awaited.splice(0)) awaited.reject(new Error('the channel is closed'))
    })
  }

  /** How many handles can be on their way together. */
  get atOnce(): number {
    return this.#eager ? window : 1
  }

  /**
   * Sends a message, with a native handle where a descriptor goes along. Resolves when it is sent, or when the handle has
   * been received; rejects if the channel is gone, or the other end could not receive the handle.
   */
  send(body: object, handle?: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const withHandle = handle !== undefined
      if (withHandle) this.#awaited.push({ resolve, reject })
      // Node's types know documented classes only; a native handle is what node:cluster sends.
      this.#child.send(body, handle as never, {}, (error) => {
        if (error !== null) reject(error)
        else if (!withHandle) resolve()
      })
      if (this.#eager) skipReceipt(this.#child)
    })
  }
}
