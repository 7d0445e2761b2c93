import net from 'node:net'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { Inbox, type Leftovers } from '@zerodrop/traffic'

const names = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
] as const

export interface Frame {
  type: (typeof names)[number]
  flags: number
  stream: number
  payload: Buffer
}

const HEAD = 9
const END_STREAM = 1
const ACK = 1
const END_HEADERS = 4

/** An HTTP/2 client that shows the frames as they come, and answers nothing by itself but the settings. */
export class H2Wire {
  /** All frames so far, in order. */
  readonly frames: Frame[] = []
  /** Settles when the connection is over; never rejects. */
  readonly ended: Promise<void>
  readonly #socket: Socket
  readonly #arrivals = new Inbox<Frame>()
  readonly #secure: boolean
  #unread: Buffer = Buffer.alloc(0)
  #nextStream = 1
  #pongs = false

  /**
   * @param to a port, or the path of a Unix socket
   * @param options with `allowHalfOpen` the client never sends a FIN of its own accord
   */
  static async connect(
    undo: Leftovers,
    to: number | string,
    secure: boolean,
    { allowHalfOpen = false }: { allowHalfOpen?: boolean } = {},
  ): Promise<H2Wire> {
    const where = {
      ...(typeof to === 'string' ? { path: to } : { port: to, host: '127.0.0.1' }),
      allowHalfOpen,
    }
    const socket = secure
      ? tls.connect({ ...where, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      : net.connect(where)
    undo.add(() => socket.destroy())
    await new Promise<void>((resolve, reject) => {
      socket.once(secure ? 'secureConnect' : 'connect', resolve)
      socket.once('error', reject)
    })
    return new H2Wire(socket, secure)
  }

  private constructor(socket: Socket, secure: boolean) {
    this.#socket = socket
    this.#secure = secure
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('close', () => this.#arrivals.end(() => new Error('the connection is over')))
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    this.send('SETTINGS', 0, 0)
  }

  send(type: Frame['type'], flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(HEAD)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = names.indexOf(type)
    head[4] = flags
    head.writeUInt32BE(stream, 5)
    this.#socket.write(Buffer.concat([head, payload]))
  }

  /** Opens a stream with a request and returns its id. */
  get(path: string): number {
    const stream = this.#nextStream
    this.#nextStream += 2
    // HPACK: indexed `:method: GET` and `:scheme`, then `:path` and `:authority` with indexed names and plain values.
    const scheme = this.#secure ? 0x87 : 0x86
    const block = Buffer.concat([
      Buffer.from([0x82, scheme]),
      literal(0x04, path),
      literal(0x01, 'localhost'),
    ])
    this.send('HEADERS', END_STREAM | END_HEADERS, stream, block)
    return stream
  }

  pong(ping: Frame): void {
    this.send('PING', ACK, 0, ping.payload)
  }

  /** From now on answers pings, as clients do. */
  pongAlways(): void {
    this.#pongs = true
  }

  /** The next frame of this type (and stream), taken in the order of arrival; others in between are passed over. */
  async next(type: Frame['type'], stream?: number): Promise<Frame> {
    for (;;) {
      const frame = await this.#arrivals.take()
      if (frame.type === type && (stream === undefined || frame.stream === stream)) return frame
    }
  }

  /** The body of a stream, if it has come to its end. */
  body(stream: number): string | undefined {
    const data = this.frames.filter((frame) => frame.stream === stream && frame.type === 'DATA')
    const ended = this.frames.some((frame) => frame.stream === stream && isLast(frame))
    return ended ? Buffer.concat(data.map(({ payload }) => payload)).toString() : undefined
  }

  /** Settles when the server has sent its FIN. */
  get closedByServer(): Promise<void> {
    const socket = this.#socket
    if (socket.readableEnded) return Promise.resolve()
    return new Promise((resolve) => socket.once('end', resolve))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  end(): void {
    this.#socket.end()
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    while (this.#unread.length >= HEAD) {
      const length = this.#unread.readUIntBE(0, 3)
      if (this.#unread.length < HEAD + length) return
      const frame: Frame = {
        type: names[this.#unread[3] ?? 0] ?? 'DATA',
        flags: this.#unread[4] ?? 0,
        stream: this.#unread.readUInt32BE(5),
        payload: this.#unread.subarray(HEAD, HEAD + length),
      }
      this.#unread = this.#unread.subarray(HEAD + length)
      this.frames.push(frame)
      if (frame.type === 'SETTINGS' && frame.flags !== ACK) this.send('SETTINGS', ACK, 0)
      if (frame.type === 'PING' && !isAck(frame) && this.#pongs) this.pong(frame)
      this.#arrivals.push(frame)
    }
  }
}

/** Whether a stream's sender is done with it by this frame. */
export function isLast({ type, flags }: Frame): boolean {
  return (type === 'DATA' || type === 'HEADERS') && (flags & END_STREAM) !== 0
}

/** The last stream id that a GOAWAY names, or the error code of a RST_STREAM. */
export function numberOf({ payload }: Frame): number {
  return payload.readUInt32BE(0)
}

export function isAck({ flags }: Frame): boolean {
  return (flags & ACK) !== 0
}

function literal(index: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)])
}
