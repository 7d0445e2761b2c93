import type { Duplex } from 'node:stream'
import { shadow } from '../system/shadow.ts'
import type { Release } from '../system/system.ts'
import { FrameReader } from './frame-reader.ts'

/**
 * Where a WebSocket stands that some implementation, or a proxy, writes on a connection:
 * - `'unanswered'`: nothing was written yet;
 * - `'between'`: the last frame is whole, so that another may follow;
 * - `'within'`: in the middle of a frame, or of the answer's head;
 * - `'closed'`: its own close frame is on its way;
 * - `'unknown'`: what was written is no WebSocket, or was not written where this could see it.
 */
export type FramePosition = 'unanswered' | 'between' | 'within' | 'closed' | 'unknown'

/**
 * Knows whether a stream is between two frames, by following its `write()` from the upgrade on: nobody can tell later. It
 * costs one call for each write and nothing for each byte, and ends as soon as `follows` says that it is not needed.
 */
export class WrittenFrames {
  readonly #stream: Duplex
  readonly #reader = new FrameReader()
  readonly #release: Release
  /** What had been written before, where the stream counts. */
  readonly #base: number | undefined
  #written = 0
  #onBetween: (() => void) | undefined

  /** @param isNeeded asked when the upgrade has been answered */
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

  /** Calls back once, when a frame has just become whole. It replaces an earlier listener. */
  onBetween(listener: () => void): void {
    this.#onBetween = listener
  }

  #note(chunk: unknown, encoding: unknown, isNeeded: () => boolean): void {
    const bytes = bytesOf(chunk, encoding)
    if (bytes === undefined) return
    const { answered } = this.#reader
    this.#written += bytes.length
    this.#reader.read(bytes)
    // Not before this turn is over: an implementation says that the stream is its own when it has written the head.
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
