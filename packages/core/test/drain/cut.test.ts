import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Connections } from '../../src/connections/connections.ts'
import { closeGently, isClosing } from '../../src/drain/close-gently.ts'
import { cut, type CutOptions, describeCut, describeMoving, describeStream } from '../../src/drain/cut.ts'
import { Attempts } from '../../src/errors/attempts.ts'
import { type Client, serve } from './drained-server.ts'
import { turns } from '../turns.ts'

const times = { now: 1000, began: () => 400 }
const named = { connectedFor: 1000 }
const events = { 'Content-Type': 'text/event-stream' }

let served: ReturnType<typeof serve>
let connections: Connections
beforeEach(() => {
  served = serve()
  ;({ connections } = served.drain)
})
afterEach(() => served.end())

/** A client that has sent data. */
async function send(text: string): Promise<Client> {
  const client = served.open()
  client.stream.write(text)
  await turns()
  return client
}

const get = 'GET /path HTTP/1.1\r\nHost: x\r\n\r\n'
const post = 'POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf'
const upgrade = 'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const switching = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const sockets = (): Socket[] => [...connections.sockets.keys()]

describe('the in-flight work of a connection', () => {
  test('is a request being handled, answered or received, or a head being read', async () => {
    await send(get)
    const answered = await send(get)
    answered.responses[0]!.flushHeaders()
    await send(post)
    await send('GET / HT')
    expect(describeCut(connections, times)).toEqual([
      { state: 'handling', method: 'GET', url: '/path', age: 600, ...named },
      { state: 'responding', method: 'GET', url: '/path', age: 600, ...named },
      { state: 'receiving', method: 'POST', url: '/up', age: 600, ...named },
      { state: 'reading', ...named },
    ])
  })

  test('excludes idle and unused connections, and uploads that were answered early', async () => {
    const idle = await send(get)
    idle.responses[0]!.end()
    served.open()
    const early = await send(post)
    early.responses[0]!.end()
    await turns()
    expect(sockets()).toHaveLength(3)
    expect(describeCut(connections, times)).toEqual([])
  })

  test('excludes a connection being closed, whose last response is complete', async () => {
    await send(get)
    closeGently(sockets()[0]!, served.system)
    expect(describeCut(connections, times)).toEqual([])
  })

  test('includes an upgraded connection', async () => {
    served.server.on('upgrade', (_request, socket: Duplex) => socket.write(switching))
    await send(upgrade)
    expect(describeCut(connections, times)).toEqual([
      { state: 'upgraded', method: 'GET', url: '/ws', age: 1000, ...named },
    ])
  })

  test('includes each known request on a connection', async () => {
    const { responses } = await send(get + get)
    expect(describeCut(connections, times)).toHaveLength(1)
    expect(describeCut(connections, times, () => responses.map(({ req }) => req))).toHaveLength(2)
  })

  test('includes a connection of another protocol', () => {
    const socket = Object.assign(new EventEmitter(), {
      bytesRead: 1,
      remoteAddress: '10.0.0.1',
      remotePort: 5000,
    })
    const raw = {
      sockets: new Map([[socket, 250]]),
      sessions: { on: () => undefined },
      streams: new Map(),
      upgraded: new Map(),
      idle: () => new Set(),
      http: undefined,
      http2: false,
    } as unknown as Connections
    expect(describeCut(raw, times)).toEqual([
      { state: 'raw', connectedFor: 750, remoteAddress: '10.0.0.1', remotePort: 5000 },
    ])
  })

  test.each([
    [{ headersSent: true, state: { remoteClose: 1 } }, 'responding'],
    [{ headersSent: false, state: { remoteClose: 1 } }, 'handling'],
    [{ headersSent: false, state: { remoteClose: 0 } }, 'receiving'],
  ])('includes an HTTP/2 stream with %j as %s', (stream, state) => {
    const streams = new Map([[stream, { ':method': 'GET', ':path': '/h2' }]])
    const http2 = { streams, sockets: new Map() } as unknown as Connections
    expect(describeStream(http2, stream as never, undefined, times)).toEqual({
      state,
      method: 'GET',
      url: '/h2',
    })
  })

  test('includes a connection on its way to a successor', async () => {
    await send(get)
    expect(describeMoving(connections, sockets()[0]!, times)).toEqual({ state: 'moving', ...named })
  })
})

describe('the cut', () => {
  const end = (options: Partial<CutOptions> = {}): void =>
    cut(connections, served.system, () => false, {
      spared: new Set(),
      spread: 0,
      attempts: new Attempts(() => {}),
      ...options,
    })

  test('destroys all connections except the spared ones', async () => {
    for (let index = 0; index < 3; index++) await send(get)
    const [first, second, third] = sockets()
    end({ spared: new Set([second!]) })
    expect([first, second, third].map((socket) => socket!.destroyed)).toEqual([true, false, true])
  })

  test('ends an event stream with the last chunk, and does not destroy its connection', async () => {
    const { stream, responses } = await send(get)
    const received: Buffer[] = []
    stream.on('data', (chunk: Buffer) => received.push(chunk))
    responses[0]!.writeHead(200, events).write('data: 1\n\n')
    await turns()
    const [socket] = sockets()
    end()
    expect(socket!.destroyed).toBe(false)
    await turns()
    expect(Buffer.concat(received).toString()).toMatch(/data: 1\n\n\r\n0\r\n\r\n$/)
  })

  test('closes a connection gently if its response was sent before the upload ended', async () => {
    const { responses } = await send(post)
    responses[0]!.end()
    await turns()
    const [socket] = sockets()
    end()
    expect([isClosing(socket!), socket!.destroyed]).toEqual([true, false])
  })

  test('ends a WebSocket after the frame being written', async () => {
    served.server.on('upgrade', (_request, socket: Duplex) => {
      socket.write(switching)
      socket.write(Buffer.from([0x81, 5, 104, 101]))
    })
    await send(upgrade)
    const [socket] = sockets()
    socket!.removeAllListeners('error')
    end()
    expect([socket!.writableEnded, socket!.destroyed]).toEqual([false, false])
    socket!.write('llo')
    expect(socket!.writableEnded).toBe(true)
    // The application keeps writing, and no error is uncaught.
    socket!.write('more')
    await turns()
  })

  test('ends a WebSocket that is between two frames at once', async () => {
    served.server.on('upgrade', (_request, socket: Duplex) => socket.write(switching))
    await send(upgrade)
    const [socket] = sockets()
    end()
    expect([socket!.writableEnded, socket!.destroyed]).toEqual([true, false])
  })

  test('closes HTTP/2 streams with CANCEL and their sessions, but not the sockets underneath', () => {
    const closed: unknown[] = []
    const stream = { headersSent: false, sentHeaders: undefined, close: (code: number) => closed.push(code) }
    const session = { destroyed: false, close: () => closed.push('session') }
    const [socket, carrier] = [
      { destroy: () => closed.push('socket') },
      { destroy: () => closed.push('TLS') },
    ]
    const http2 = {
      streams: new Map([[stream, {}]]),
      sessions: Object.assign([session], { on: () => session }),
      sockets: new Map([[socket, 0]]),
      upgraded: new Map(),
      handshaking: () => [carrier],
    } as unknown as Connections
    cut(http2, served.system, () => false, {
      spared: new Set(),
      spread: 0,
      attempts: new Attempts(() => {}),
    })
    expect(closed).toEqual([8, 'session', 'TLS'])
  })

  test('continues if one connection throws', async () => {
    await send(get)
    await send(get)
    const [broken, sound] = sockets()
    broken!.destroy = () => {
      throw new Error('broken on purpose')
    }
    end()
    expect(sound!.destroyed).toBe(true)
    Reflect.deleteProperty(broken!, 'destroy')
  })
})
