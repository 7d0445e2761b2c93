import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What can be relied on of a WebSocket of `ws`, whatever its version. */
export interface WebSocketLike extends EventEmitter {
  /** As in `ws`: 1 while the WebSocket is open. */
  readonly readyState: number
  /** Bytes that were sent and have not been handed to the network. */
  readonly bufferedAmount: number
  /** The subprotocol that the server chose; empty for none. */
  readonly protocol: string
  /** Sends a message. */
  send(data: unknown, ...rest: never[]): void
  /** Sends a ping. */
  ping(...args: never[]): void
  /** Sends a pong. */
  pong(...args: never[]): void
  /** Begins the closing handshake. */
  close(code?: number, reason?: string | Uint8Array): void
  /** Closes the connection at once. */
  terminate(): void
}

/** What can be relied on of a `WebSocketServer` of `ws`. */
export interface WebSocketServerLike<Client extends WebSocketLike = WebSocketLike> extends EventEmitter {
  /** Undefined or null with `clientTracking: false`. */
  readonly clients?: Set<Client> | null
  /** What the server was created with. */
  readonly options: { readonly path?: string | null }
  /** Answers an upgrade request. */
  handleUpgrade(
    request: IncomingMessage,
    socket: never,
    head: never,
    // Not the client's type: a parameter of a callback has to be what every class of WebSockets fits.
    callback: (webSocket: unknown, request: unknown) => void,
  ): void
}

/** `readyState` of a WebSocket that sends and receives. */
const open = 1

/**
 * What `ws` keeps on a connection, under names unchanged from 7.0 to 8.23.
 * https://github.com/websockets/ws/blob/8.18.3/lib/receiver.js
 * https://github.com/websockets/ws/blob/7.5.10/lib/receiver.js
 */
interface Internals extends WebSocketLike {
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

interface Receiver {
  write(chunk: Buffer): boolean
  destroy(): void
  readonly writableLength: number
  /** Whether it is reading what it was given: it is, while a listener of 'message' runs. */
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

interface Deflate {
  readonly params: Readonly<Record<string, unknown>>
  readonly _inflate: unknown
  _options: { zlibInflateOptions?: object }
  decompress: Decompress
}

type Decompress = (
  data: unknown,
  fin: boolean,
  callback: (error: Error | null, result?: Buffer) => void,
) => void

/** The WebSocket of `ws` on a socket: every version since 3 keeps it there, under a symbol of this name. */
export function webSocketOn(socket: Duplex): WebSocketLike | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'websocket')
  const webSocket: unknown = symbol === undefined ? undefined : Reflect.get(socket, symbol)
  const known = typeof (webSocket as Partial<WebSocketLike> | undefined)?.close === 'function'
  return known ? (webSocket as WebSocketLike) : undefined
}

const judged = new WeakMap<object, boolean>()

/**
 * Whether this version of `ws` works as this file expects. Decided once for each class: the fields must be there and
 * have their types, and a receiver of that class must give back every half of a message that it is shown.
 */
export function understands(webSocket: WebSocketLike): boolean {
  const { _receiver: receiver } = webSocket as Partial<Internals>
  const kind = receiver?.constructor
  if (kind === undefined) return false
  const known = judged.get(kind)
  if (known !== undefined) return known
  const verdict = hasFields(webSocket) && givesBack(kind as new () => Receiver)
  judged.set(kind, verdict)
  return verdict
}

function hasFields(webSocket: WebSocketLike): boolean {
  const { _socket, _sender, _receiver: receiver, _extensions } = webSocket as Partial<Internals>
  return (
    typeof _socket === 'object' &&
    typeof _extensions === 'object' &&
    typeof _sender?._firstFragment === 'boolean' &&
    Array.isArray(_sender._queue) &&
    (typeof _sender._state === 'number' || typeof _sender._deflating === 'boolean') &&
    typeof webSocket.bufferedAmount === 'number' &&
    typeof receiver?._loop === 'boolean' &&
    typeof receiver._state === 'number' &&
    typeof receiver._fragmented === 'number' &&
    typeof receiver._compressed === 'boolean' &&
    typeof receiver._fin === 'boolean' &&
    typeof receiver._opcode === 'number' &&
    typeof receiver._masked === 'boolean' &&
    typeof receiver._payloadLength === 'number' &&
    Array.isArray(receiver._fragments) &&
    Array.isArray(receiver._buffers)
  )
}

/** Shows a receiver the beginnings of two messages, and compares what `halfReceived` makes of each. */
function givesBack(Kind: new () => Receiver): boolean {
  const mask = Buffer.from([1, 2, 3, 4])
  const long = Buffer.concat([Buffer.from([0x82, 0xfe, 1, 0]), mask, Buffer.alloc(256, 7)])
  const ping = Buffer.concat([Buffer.from([0x89, 0x81]), mask, Buffer.from([9])])
  // A first fragment as it is rebuilt, with no mask, so that both look alike.
  const fragment = Buffer.from([0x01, 0x82, 0, 0, 0, 0, 104, 105])
  const rest = Buffer.concat([Buffer.from([0x80, 0x83]), mask, Buffer.from('abc')])
  try {
    return [long, Buffer.concat([fragment, ping]), Buffer.concat([fragment, rest])].every((bytes, index) => {
      const whole = index === 0 ? 0 : fragment.length
      for (let cut = whole; cut < bytes.length; cut++) {
        const receiver = new Kind()
        Reflect.set(receiver, '_isServer', true)
        receiver.write(Buffer.from(bytes.subarray(0, cut)))
        const same = halfReceivedBy(receiver).equals(bytes.subarray(0, cut))
        receiver.destroy()
        if (!same) return false
      }
      return true
    })
  } catch {
    return false
  }
}

/** Whether a WebSocket is between two things: nothing is being read, sent, inflated or deflated. */
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
    // What was inflated of a message cannot be given back as it came.
    !(receiver._fragmented !== 0 && receiver._compressed)
  )
}

export function isOpen(webSocket: WebSocketLike): boolean {
  return webSocket.readyState === open
}

/**
 * The bytes of the message that has arrived in part, in a form that another receiver reads as the same message: what
 * was taken off the front of it (its first fragments, the head of the open frame) is written anew.
 */
export function halfReceived(webSocket: WebSocketLike): Buffer {
  return halfReceivedBy((webSocket as Internals)._receiver)
}

function halfReceivedBy(receiver: Receiver): Buffer {
  const { _fragmented: fragmented, _state: state, _opcode: opcode } = receiver
  const fragments = Buffer.concat(receiver._fragments)
  const isControl = opcode > 7
  const inFrame = state > 0
  // Otherwise the open frame is the first fragment, or may as well be: those before it were empty.
  const begun = fragmented !== 0 && (fragments.length > 0 || !inFrame || isControl)
  const parts: Uint8Array[] = []
  if (begun) parts.push(header({ first: fragmented, length: fragments.length }), Buffer.alloc(4), fragments)
  if (inFrame) {
    const compressed = receiver._compressed && !isControl && !begun ? 0x40 : 0
    const continued = begun && !isControl
    const first = (receiver._fin ? 0x80 : 0) | compressed | (continued ? 0 : opcode)
    // In the states 1 and 2 this is the mark that says how long the length is.
    if (state < 3) parts.push(Buffer.from([first, 0x80 | receiver._payloadLength]))
    else parts.push(header({ first, length: receiver._payloadLength }))
    if (state === 4 && receiver._mask !== undefined) parts.push(receiver._mask)
  }
  return Buffer.concat([...parts, ...receiver._buffers])
}

/** The head of a masked frame, up to the mask. */
function header({ first, length }: { first: number; length: number }): Buffer {
  if (length < 126) return Buffer.from([first, 0x80 | length])
  if (length < 2 ** 16) return Buffer.from([first, 0x80 | 126, length >> 8, length & 0xff])
  const head = Buffer.alloc(10)
  head.set([first, 0x80 | 127])
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}

const extension = 'permessage-deflate'

/** The extensions that were negotiated, in one spelling: that of `extensionsIn` for the same ones. */
export function extensionsOf(webSocket: WebSocketLike): string {
  const deflate = (webSocket as Internals)._extensions[extension]
  if (deflate === undefined) return ''
  const params = Object.entries(deflate.params).map(([key, value]) =>
    value === true ? key : `${key}=${String(value)}`,
  )
  return [extension, ...params.sort()].join(';')
}

/** The same of the header `Sec-WebSocket-Extensions` of an answer. */
export function extensionsIn(header: string): string {
  const [name = '', ...params] = header.split(';').map((part) => part.trim())
  return [name, ...params.sort()].join(';')
}

/**
 * Whether a receiver that has seen nothing can read what this client sends next: not if it may refer to what it has sent
 * before, as compression with context takeover does.
 */
export function readsAfresh(webSocket: WebSocketLike): boolean {
  const deflate = (webSocket as Internals)._extensions[extension]
  return (
    deflate === undefined ||
    deflate.params['client_no_context_takeover'] === true ||
    deflate._inflate === null
  )
}

/** How far back a compressed message can refer: RFC 7692, section 7.1.2. */
const windowSize = 2 ** 15

const windows = new WeakMap<WebSocketLike, { read(): Buffer }>()

/**
 * Keeps what a WebSocket inflates, as far back as the next message may refer to it.
 * @param before what another process has kept so far
 */
export function keepWindow(webSocket: WebSocketLike, before: Buffer | undefined): void {
  const deflate = (webSocket as Internals)._extensions[extension]
  if (deflate === undefined || deflate.params['client_no_context_takeover'] === true) return
  let window = before ?? Buffer.alloc(0)
  if (window.length > 0)
    deflate._options = {
      ...deflate._options,
      zlibInflateOptions: { ...deflate._options.zlibInflateOptions, dictionary: window },
    }
  const own = deflate.decompress
  deflate.decompress = function (data, fin, callback) {
    Reflect.apply(own, this, [
      data,
      fin,
      (error: Error | null, result?: Buffer) => {
        if (result !== undefined) window = Buffer.from(Buffer.concat([window, result]).subarray(-windowSize))
        callback(error, result)
      },
    ])
  }
  windows.set(webSocket, { read: () => window })
}

/** What `keepWindow` has kept of a WebSocket. */
export function keptWindow(webSocket: WebSocketLike): Buffer | undefined {
  return windows.get(webSocket)?.read()
}
