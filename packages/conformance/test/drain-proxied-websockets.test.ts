import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Inbox, leftovers } from '@zerodrop/traffic'
import WebSocket, { WebSocketServer } from 'ws'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import type { SiteOptions } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const answer = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const closeFrame = Buffer.from([0x88, 2, 1001 >> 8, 1001 & 0xff])
/** A client's, whose mask is zero. */
const closeAnswer = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 1001 >> 8, 1001 & 0xff])

/** An upstream that writes what the test says. */
async function startUpstream(): Promise<{ port: number; next(): Promise<Socket> }> {
  const sockets = new Inbox<Socket>()
  const server = net.createServer((socket) => {
    undo.add(() => socket.destroy())
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(answer)
      sockets.push(socket)
    })
  })
  undo.add(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, next: () => sockets.take() }
}

/** A client that collects all bytes behind the answer to its upgrade. */
class ByteClient {
  readonly socket: Socket
  readonly ended: Promise<void>
  #bytes = Buffer.alloc(0)
  #changed: () => void = () => {}

  constructor(port: number, path: string) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    undo.add(() => this.socket.destroy())
    this.ended = new Promise((resolve) => this.socket.once('close', () => resolve()))
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#changed()
    })
    this.socket.on('end', () => this.socket.end())
    this.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n`,
    )
  }

  get bytes(): Buffer {
    const end = this.#bytes.indexOf('\r\n\r\n')
    return end < 0 ? Buffer.alloc(0) : this.#bytes.subarray(end + 4)
  }

  get answered(): boolean {
    return this.#bytes.includes('\r\n\r\n')
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#changed = resolve))
  }
}

const start = (options: SiteOptions['options'] = {}): Promise<ProtocolSite> =>
  ProtocolSite.start(undo, 'proxied', { options: { closeSpread: 0, ...options } })

describePosix.each(['pipe', 'write'])('a WebSocket that a proxy in the application passes on (%s)', (how) => {
  async function connect(site: ProtocolSite): Promise<{ client: ByteClient; upstream: Socket }> {
    const origin = await startUpstream()
    const client = new ByteClient(site.port, `/?upstream=${origin.port}&how=${how}`)
    const upstream = await origin.next()
    await client.until(() => client.answered)
    return { client, upstream }
  }

  test.each([
    ['a frame', Buffer.from([0x82, 126, 0x40, 0]), 0x4000],
    ['a compressed frame', Buffer.from([0xc2, 126, 0x40, 0]), 0x4000],
    ['a frame with a 64-bit length', Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 2, 0, 0]), 0x20000],
    ['a fragment', Buffer.from([0x02, 126, 0x40, 0]), 0x4000],
  ])('gets the close frame after %s in progress, and not within it', async (_what, header, length) => {
    const site = await start()
    const { client, upstream } = await connect(site)
    // What looks like the end of a frame and a close frame is a payload.
    const payload = Buffer.alloc(length, Buffer.from([0x88, 0x02, 0x03, 0xe9, 0x81, 0x00]))
    upstream.write(Buffer.concat([header, payload.subarray(0, 1001)]))
    await client.until(() => client.bytes.length === header.length + 1001)
    await site.drain()
    // In pieces, each of which arrives by itself.
    for (let at = 1001; at < length; at += 5003) {
      upstream.write(payload.subarray(at, at + 5003))
      const arrived = header.length + Math.min(length, at + 5003)
      await client.until(() => client.bytes.length >= arrived)
    }
    await client.until(() => client.bytes.length >= header.length + length + closeFrame.length)
    expect(client.bytes.equals(Buffer.concat([header, payload, closeFrame]))).toBe(true)
    client.socket.write(closeAnswer)
    await client.ended
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('is left alone until the deadline if its frame does not end, and gets no byte from zerodrop', async () => {
    const site = await start({ drainTimeout: 500 })
    const { client, upstream } = await connect(site)
    const half = Buffer.concat([Buffer.from([0x82, 126, 1, 0]), Buffer.alloc(100, 7)])
    upstream.write(half)
    await client.until(() => client.bytes.length === half.length)
    site.app.signal('SIGTERM')
    await client.ended
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(client.bytes.equals(half)).toBe(true)
    expect(site.cutLines()).toEqual([expect.stringMatching(/\(upgraded/)])
  })

  test('is left alone until the deadline if its frames are invalid', async () => {
    const site = await start({ drainTimeout: 500 })
    const { client, upstream } = await connect(site)
    const bytes = Buffer.from([0x83, 1, 2, 3])
    upstream.write(bytes)
    await client.until(() => client.bytes.length === bytes.length)
    site.app.signal('SIGTERM')
    await client.ended
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(client.bytes.equals(bytes)).toBe(true)
  })

  test('gets every message whole from a real server that goes on sending through the drain', async () => {
    const site = await start()
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
    undo.add(() => server.close())
    await once(server, 'listening')
    // Longer than what a socket takes at once, and different each time.
    const messages = Array.from({ length: 60 }, (_, index) =>
      Buffer.alloc(50_000 + index * 1013, `${index}: some text that is compressed well `),
    )
    server.on('connection', (webSocket) => {
      undo.add(() => webSocket.terminate())
      webSocket.on('error', () => {})
      let next = 0
      const send = (): void => {
        const message = messages[next++]
        if (message === undefined || webSocket.readyState !== webSocket.OPEN) return
        const half = message.length >> 1
        webSocket.send(message.subarray(0, half), { fin: false })
        webSocket.send(message.subarray(half), { fin: true }, () => setImmediate(send))
      }
      send()
    })
    const { port } = server.address() as AddressInfo
    const client = new WebSocket(`ws://127.0.0.1:${site.port}/?upstream=${port}&how=${how}`)
    undo.add(() => client.terminate())
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    const heard: Buffer[] = []
    let told = false
    client.on('message', (data: Buffer) => {
      heard.push(data)
      if (heard.length < 5 || told) return
      told = true
      site.app.signal('SIGTERM')
    })
    const [code] = (await once(client, 'close')) as [number]
    expect([errors, code]).toEqual([[], 1001])
    expect(heard.length).toBeGreaterThanOrEqual(5)
    for (const [index, message] of heard.entries()) expect(message.equals(messages[index]!)).toBe(true)
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})
