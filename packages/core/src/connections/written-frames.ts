import type { Duplex } from 'node:stream'
import { shadow } from '../system/shadow.ts'
import type { Release } from '../system/system.ts'
import { FrameReader } from './frame-reader.ts'

/**
 * The position in the bytes that a WebSocket implementation, or a proxy, writes to a connection:
 * - `'unanswered'`: nothing was written yet;
 * - `'between'`: the last frame is complete, so another may follow;
 * - `'within'`: in the middle of a frame or of the response head;
 * - `'closed'`: its own close frame was written;
 * - `'unknown'`: the bytes are not WebSocket frames, or they bypassed the watched `write()`.
 */
export type FramePosition = 'unanswered' | 'between' | 'within' | 'closed' | 'unknown'

/**
 * Knows whether a stream is between two frames, because it follows `write()` from the upgrade on: that
 * cannot be found out later. It costs one call per write and nothing per byte, and ends as soon as
 * `isNeeded` returns false.
 */
export class WrittenFrames {
  readonly #stream: Duplex
  readonly #reader = new FrameReader()
  readonly #release: Release
  /** How much had been written before, if the stream counts that. */
  readonly #base: number | undefined
  #written = 0
  #onBetween: (() => void) | undefined

  /** @param isNeeded called when the upgrade has been answered */
  constructor(stream: Duplex, isNeeded: () => boolean) {
    this.#stream = stream
    this.#base = bytesWrittenOn(stream)
    const note = (chunk: unknown, encoding: unknown): void => this.#note(chunk, encoding, isNeeded)
    const follow = (write: Duplex['write']): Duplex['write'] => {
      const followed = function (this: Duplex, ...args: unknown[]): boolean {
        const more = Reflect.apply(write as (...given: unknown[]) => boolean, this, args)
        note(args[0], args[1])
        return more
      }
      return followed as Duplex['write']
    }
    this.#release = shadow(stream, 'write', follow, { keepsOwn: true })
  }

  get position(): FramePosition {
    const { answered, closed, isBetweenFrames, lost } = this.#reader
    const total = bytesWrittenOn(this.#stream)
    const seen = this.#base === undefined || total === undefined || total - this.#base === this.#written
    if (lost || !seen) return 'unknown'
    if (this.#written === 0) return 'unanswered'
    if (closed) return 'closed'
    return answered && isBetweenFrames ? 'between' : 'within'
  }

  /** Calls back once, when a frame has just been completed. Replaces an earlier listener. */
  onBetween(listener: () => void): void {
    this.#onBetween = listener
  }

  #note(chunk: unknown, encoding: unknown, isNeeded: () => boolean): void {
    const bytes = bytesOf(chunk, encoding)
    if (bytes === undefined) return
    const { answered } = this.#reader
    this.#written += bytes.length
    this.#reader.read(bytes)
    // Not before this tick is over: an implementation takes over the stream after it has written the head.
    if (!answered && this.#reader.answered)
      queueMicrotask(() => {
        if (!isNeeded()) this.#release()
      })
    if (this.#onBetween === undefined || this.position === 'within') return
    const listener = this.#onBetween
    this.#onBetween = undefined
    listener()
  }
}

function bytesWrittenOn(stream: Duplex): number | undefined {
  return (stream as { bytesWritten?: number }).bytesWritten
}

function bytesOf(chunk: unknown, encoding: unknown): Uint8Array | undefined {
  if (typeof chunk !== 'string') return chunk instanceof Uint8Array ? chunk : undefined
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
}
