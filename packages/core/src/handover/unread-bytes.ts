import type { Body } from './protocol.ts'

/**
 * The most bytes of messages without a handle that may lie unread between two with a handle.
 *
 * libuv reads a channel 64 KiB at a time, and the kernel ends a read behind a message that brings a
 * descriptor. So such a message arrives in one piece if fewer bytes than that lie between it and the
 * previous one. If it were split, its descriptor would go to the next message with a descriptor, and a
 * connection to the wrong client.
 * https://github.com/libuv/libuv/blob/v1.48.0/src/unix/stream.c (uv__read)
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/child_process.js (channel.onread, pendingHandle)
 */
const most = 16 * 1024

/** The bytes that the names and the small fields of a message take. */
const frame = 256

/** Counts the bytes sent to another process since the last handle that may still be unread. */
export class UnreadBytes {
  #sent = 0
  #read = 0

  add(body: Body): void {
    const texts = Object.values(body).filter((value): value is string => typeof value === 'string')
    this.#sent += texts.reduce((sum, { length }) => sum + length, frame)
  }

  /**
   * How much was sent so far. Pass it to `readUpTo()` once that is known to be read, or when a handle
   * follows.
   */
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
