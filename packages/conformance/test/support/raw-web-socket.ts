import { once } from 'node:events'
import net from 'node:net'
import { Inbox } from '@zerodrop/traffic'

/** A frame as a server sends it. */
export interface Frame {
  readonly fin: boolean
  readonly compressed: boolean
  readonly opcode: number
  readonly payload: Buffer
}

/** A WebSocket client that writes bytes as the test has them, and reads frames. */
export class RawWebSocket {
  readonly socket: net.Socket
  readonly ended: Promise<'fin' | 'reset'>
  readonly #frames = new Inbox<Frame>()
  #rest: Buffer = Buffer.alloc(0)

  static async connect(port: number, path: string, headers: Record<string, string>): Promise<RawWebSocket> {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.setNoDelay(true)
    await once(socket, 'connect')
    const all = {
      Host: `127.0.0.1:${port}`,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'MDEyMzQ1Njc4OWFiY2RlZg==',
      ...headers,
    }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
    let head = ''
    while (!head.includes('\r\n\r\n')) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      head += chunk.toString('latin1')
    }
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(head)
    return new RawWebSocket(socket, Buffer.from(head.slice(head.indexOf('\r\n\r\n') + 4), 'latin1'))
  }

  private constructor(socket: net.Socket, rest: Buffer) {
    this.socket = socket
    this.ended = new Promise((resolve) => {
      socket.on('end', () => resolve('fin'))
      socket.on('error', () => resolve('reset'))
    })
    void this.ended.then((end) => this.#frames.end(() => new Error(`the connection has ended: ${end}`)))
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#read(rest)
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  destroy(): void {
    this.socket.destroy()
  }

  next(): Promise<Frame> {
    return this.#frames.take()
  }

  /** The text of the next message, which is one frame. */
  async text(): Promise<string> {
    return (await this.next()).payload.toString()
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const rest = this.#rest
      if (rest.length < 2) return
      const [first = 0, second = 0] = rest
      const extended = second === 126 ? 2 : second === 127 ? 8 : 0
      if (rest.length < 2 + extended) return
      const length =
        extended === 0 ? second : extended === 2 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
      const end = 2 + extended + length
      if (rest.length < end) return
      this.#rest = rest.subarray(end)
      const payload = Buffer.from(rest.subarray(2 + extended, end))
      this.#frames.push({ fin: first >= 128, compressed: (first & 0x40) !== 0, opcode: first & 15, payload })
    }
  }
}

/** A frame as a client sends it. */
export function frame(
  payload: string | Buffer,
  { fin = true, opcode = 1, compressed = false, mask = [1, 2, 3, 4] } = {},
): Buffer {
  const data = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode
  const length = data.length
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : length < 65_536
        ? Buffer.from([first, 0x80 | 126, length >> 8, length & 255])
        : Buffer.from([
            first,
            0x80 | 127,
            0,
            0,
            0,
            0,
            length >> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ])
  for (let index = 0; index < length; index++) data[index] = data[index]! ^ mask[index % 4]!
  return Buffer.concat([head, Buffer.from(mask), data])
}
