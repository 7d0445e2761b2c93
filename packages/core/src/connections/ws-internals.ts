import type { Socket } from 'node:net'
import type { WebSocketLike } from './web-socket.ts'

/**
 * The private fields of `ws` for a connection, whose names have not changed from 7.0 to 8.23.
 * https://github.com/websockets/ws/blob/8.18.3/lib/receiver.js
 * https://github.com/websockets/ws/blob/7.5.10/lib/receiver.js
 */
export interface Internals extends WebSocketLike {
  readonly _socket: Socket
  readonly _sender: {
    /** False in the middle of a message that the application sends in fragments. */
    readonly _firstFragment: boolean
    readonly _queue: readonly unknown[]
    /** Anything but 0 while it deflates, or reads a Blob: an empty message adds nothing to `bufferedAmount`. */
    readonly _state?: number
    /** The same in versions without `_state`. */
    readonly _deflating?: boolean
  }
  readonly _receiver: Receiver
  readonly _extensions: Readonly<Record<string, Deflate | undefined>>
}

export interface Receiver {
  write(chunk: Buffer): boolean
  destroy(): void
  readonly writableLength: number
  /** Whether it is processing data, as it is while a listener of 'message' runs. */
  readonly _loop: boolean
  /** 0 between two frames, 1 and 2 in the length, 3 before the mask, 4 before the payload; more while it is busy. */
  readonly _state: number
  /** The opcode of the message that is arriving in fragments; 0 if none is. */
  readonly _fragmented: number
  readonly _fragments: readonly Uint8Array[]
  readonly _compressed: boolean
  readonly _fin: boolean
  readonly _opcode: number
  readonly _masked: boolean
  readonly _mask: Uint8Array | undefined
  readonly _payloadLength: number
  readonly _buffers: readonly Uint8Array[]
}

export interface Deflate {
  readonly params: Readonly<Record<string, unknown>>
  readonly _inflate: unknown
  _options: { zlibInflateOptions?: object }
  decompress: Decompress
}

export type Decompress = (
  data: unknown,
  fin: boolean,
  callback: (error: Error | null, result?: Buffer) => void,
) => void

/** Whether a WebSocket is at rest: it is not reading, sending, inflating or deflating anything. */
export function isAtRest(webSocket: WebSocketLike): boolean {
  const { _sender: sender, _receiver: receiver } = webSocket as Internals
  return (
    webSocket.bufferedAmount === 0 &&
    sender._firstFragment &&
    sender._queue.length === 0 &&
    (sender._state ?? 0) === 0 &&
    sender._deflating !== true &&
    !receiver._loop &&
    receiver._state <= 4 &&
    receiver.writableLength === 0 &&
    // Inflated data of a message cannot be restored to its compressed form.
    !(receiver._fragmented !== 0 && receiver._compressed)
  )
}
