import type { Body } from './protocol.ts'

/**
 * The most bytes of messages without a handle that may lie unread between two with a handle.
 *
 * libuv reads a channel 64 KiB at a time, and the kernel ends a read behind a message that brings a descriptor. So such a
 * message comes whole as long as what lies in front of it, up to the one before, is shorter. One that is cut in two would
 * leave its descriptor to the next message that has one, and give a connection to the wrong client.
 * https://github.com/libuv/libuv/blob/v1.48.0/src/unix/stream.c (uv__read)
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (channel.onread, pendingHandle)
 */
const most = 16 * 1024

/** What the names and the small fields of a message take. */
const frame = 256

/** Counts what was sent to another process without a handle since the last handle, as far as it may be unread. */
export class UnreadBytes {
  #sent = 0
  #read = 0

  add(body: Body): void {
    const texts = Object.values(body).filter((value): value is string => typeof value === 'string')
    this.#sent += texts.reduce((sum, { length }) => sum + length, frame)
  }

  /** How much was sent so far: to be told to `readUpTo()` when it is known to be read, or a handle follows. */
  get sent(): number {
    return this.#sent
  }

  readUpTo(position: number): void {
    this.#read = Math.max(this.#read, position)
  }

  get areTooMany(): boolean {
    return this.#sent - this.#read > most
  }
}
