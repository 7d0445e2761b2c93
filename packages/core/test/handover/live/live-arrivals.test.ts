import channels from 'node:diagnostics_channel'
import http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { Connections } from '../../../src/connections/connections.ts'
import { isUsed } from '../../../src/connections/mark-as-used.ts'
import { Handover } from '../../../src/handover/live/handover.ts'
import { LiveArrivals } from '../../../src/handover/live/live-arrivals.ts'
import { encodeCall, encodeState } from '../../../src/handover/live/saved-state.ts'
import { holdAccepted } from '../../../src/system/node-internals.ts'
import { MessageHandlers } from '../../../src/handover/message-handlers.ts'
import type { Predecessor } from '../../../src/handover/predecessor.ts'
import type { Body } from '../../../src/handover/protocol.ts'
import { FakeSystem } from '../../fake-system.ts'
import { destroyAll, movable } from '../movable-socket.ts'
import { masked } from './accepted-web-socket.ts'
import { turns } from '../../turns.ts'

type Offer = Body & { type: 'live' }

const address = 'tcp://[::]:3000'
const events = { 'Content-Type': 'text/event-stream' }
const farewell = Buffer.from([0x88, 2, 1012 >> 8, 1012 & 0xff])
const stream: Offer = {
  type: 'live',
  id: 1,
  listener: address,
  kind: 'stream',
  name: '',
  head: 'GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 4\r\n\r\n',
  half: '',
  state: encodeState(() => ({ room: 7 })),
  protocol: '',
  extensions: '',
  window: '',
  chunked: true,
}
const upgrade = [
  'GET /chat HTTP/1.1',
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
]
const webSocket: Offer = {
  ...stream,
  kind: 'websocket',
  name: 'chat',
  head: [...upgrade, '', ''].join('\r\n'),
  chunked: false,
}

let handlers: MessageHandlers
let answers: unknown[]
let server: http.Server
let handover: Handover
let arrivals: LiveArrivals
let release: () => void
let accepted: { webSocket: WebSocket; state: unknown; messages: string[] }[]
beforeEach(() => {
  handlers = new MessageHandlers()
  const own: unknown[] = []
  answers = own
  accepted = []
  server = http.createServer()
  server.emit('listening')
  Reflect.set(server, '_handle', {
    onconnection: (_status: number, { socket }: { socket: Socket }) => server.emit('connection', socket),
  })
  handover = new Handover(() => {})
  const predecessor = {
    on: handlers.add.bind(handlers),
    sendLiveAnswer: (id: number, taken: boolean) => own.push([id, taken]),
    sendCaughtUp: () => own.push('caught up'),
  }
  const connections = new Connections(server, () => 0)
  arrivals = new LiveArrivals(new FakeSystem(), handover)
  release = arrivals.listen(predecessor as unknown as Predecessor, (listener) =>
    listener === address ? connections : undefined,
  )
})
afterEach(async () => {
  release()
  await destroyAll()
  Reflect.set(server, '_handle', null)
  server.close()
})

/** The predecessor sends a connection. */
async function send(offer: Offer, sent = true) {
  const connection = movable()
  // Nothing has been read here.
  connection.handle.bytesRead = 0
  const handle = { socket: connection.socket, close: jest.fn() }
  handlers.call(offer, undefined)
  if (sent) {
    handlers.call({ type: 'live-handle', id: offer.id }, handle)
    await turns()
  }
  return { ...connection, closes: handle.close, native: handle }
}

/** The server serves event streams, and records the restored states. */
function serveStreams(listener: http.RequestListener): void {
  handover.streams(server)
  server.on('request', listener)
}

function serveWebSockets(options: { protocol?: string } = {}): void {
  const { protocol = '' } = options
  const wss = new WebSocketServer({ noServer: true, handleProtocols: () => protocol || false })
  handover.websockets(wss, { name: 'chat' })
  server.on('upgrade', (request, socket: Duplex, head) => {
    const state = handover.restored(request)
    wss.handleUpgrade(request, socket, head, (each) => {
      const messages: string[] = []
      each.on('error', () => {}).on('message', (data: Buffer) => messages.push(data.toString()))
      accepted.push({ webSocket: each, state, messages })
    })
  })
}

describe('an event stream', () => {
  test('is handled again, and its client sees a single response', async () => {
    const seen: unknown[] = []
    serveStreams((request, response) => {
      seen.push(request.url, request.headers['last-event-id'], handover.restored(request))
      response.writeHead(200, events)
      response.write('data: 5\n\n')
    })
    const { text, socket, closes } = await send(stream)
    expect(seen).toEqual(['/events', '4', { room: 7 }])
    expect(text()).toBe('9\r\ndata: 5\n\n\r\n')
    expect([answers, arrivals.taken]).toEqual([[[1, true]], { websockets: 0, streams: 1 }])
    expect([isUsed(socket), closes.mock.calls.length]).toEqual([true, 0])
  })

  test.each<[string, http.RequestListener]>([
    ['has another status', (_request, response) => response.writeHead(404).end('nothing here')],
    [
      'is no event stream',
      (_request, response) => {
        response.write('te')
        response.end('xt')
      },
    ],
    [
      'has another form',
      (_request, response) => response.writeHead(200, { ...events, 'Content-Encoding': 'gzip' }).end('x'),
    ],
  ])('ends for its client if the new response %s', async (_what, listener) => {
    serveStreams(listener)
    const { text, socket } = await send(stream)
    expect([text(), socket.writableEnded]).toEqual(['0\r\n\r\n', true])
  })

  test('without chunked encoding ends with its connection', async () => {
    serveStreams((_request, response) => response.writeHead(200, events).end('x'))
    const { text, socket } = await send({ ...stream, chunked: false })
    expect([text(), socket.writableEnded]).toEqual(['', true])
  })

  test('leaves no subscriber behind', async () => {
    serveStreams((_request, response) => response.writeHead(200, events).flushHeaders())
    const [subscribe, unsubscribe] = [jest.spyOn(channels, 'subscribe'), jest.spyOn(channels, 'unsubscribe')]
    await send(stream)
    expect(subscribe.mock.calls).toEqual([['http.server.request.start', expect.any(Function)]])
    expect(unsubscribe.mock.calls).toEqual(subscribe.mock.calls)
    for (const each of [subscribe, unsubscribe]) each.mockRestore()
  })

  test('has its own saved state, and later requests have none', async () => {
    const states: unknown[] = []
    serveStreams((request, response) => {
      states.push(handover.restored(request))
      response.writeHead(200, events).flushHeaders()
    })
    await send(stream)
    const other = movable()
    server.emit('connection', other.socket)
    other.socket.push('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await turns()
    expect(states).toEqual([{ room: 7 }, undefined])
  })
})

describe('a WebSocket', () => {
  test('is accepted again with its state and a partial message, and its client notices nothing', async () => {
    serveWebSockets()
    const frame = masked(1, 'hello')
    const half = frame.subarray(0, 8).toString('base64')
    const { text, socket } = await send({ ...webSocket, half })
    expect([answers, arrivals.taken, text()]).toEqual([[[1, true]], { websockets: 1, streams: 0 }, ''])
    socket.push(frame.subarray(8))
    await turns()
    expect(accepted).toMatchObject([{ state: { room: 7 }, messages: ['hello'] }])
  })

  test.each([
    ['subprotocol', { protocol: 'v1' }],
    ['extensions', { extensions: 'permessage-deflate' }],
  ])('is asked to reconnect if the new response has a different %s', async (_what, told) => {
    serveWebSockets()
    const { take, socket } = await send({ ...webSocket, ...told })
    expect([take(), socket.writableEnded]).toEqual([farewell, true])
  })

  test('is asked to reconnect if the new response is not an upgrade', async () => {
    handover.websockets(new WebSocketServer({ noServer: true }), { name: 'chat' })
    server.on('upgrade', (_request, socket: Duplex) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'))
    const { take } = await send(webSocket)
    expect(take()).toEqual(farewell)
  })

  test('leaves no listener on the server', async () => {
    serveWebSockets()
    const before = server.listenerCount('upgrade')
    await send(webSocket)
    expect(server.listenerCount('upgrade')).toBe(before)
  })

  test('makes the late calls, first the ones that came before its handlers were attached', async () => {
    serveWebSockets()
    const { native, take } = await send(webSocket, false)
    handlers.call({ type: 'live-handle', id: 1 }, native)
    const late = (method: string, ...args: unknown[]): void =>
      handlers.call({ type: 'late', id: 1, call: encodeCall(method, args)! }, undefined)
    late('send', 'one')
    expect(take()).toEqual(Buffer.alloc(0))
    await turns()
    late('send', 'two')
    late('no method')
    late('close', 1)
    handlers.call({ type: 'late', id: 99, call: encodeCall('send', ['lost'])! }, undefined)
    await turns()
    expect(take()).toEqual(
      Buffer.concat([Buffer.from([0x81, 3]), Buffer.from('one'), Buffer.from([0x81, 3]), Buffer.from('two')]),
    )
  })
})

describe('a connection is declined, and its handle closed', () => {
  const expectDeclined = async (offer: Offer): Promise<void> => {
    const { closes } = await send(offer)
    expect([answers, closes.mock.calls.length]).toEqual([[[1, false]], 1])
    expect(arrivals.taken).toEqual({ websockets: 0, streams: 0 })
  }

  test('for an address without a server', async () => {
    serveStreams(() => {})
    await expectDeclined({ ...stream, listener: 'tcp://[::]:9' })
  })

  test('if streams are not taken', () => expectDeclined(stream))

  test('if WebSockets of that name are not taken', async () => {
    serveWebSockets()
    await expectDeclined({ ...webSocket, name: 'other' })
  })

  test('if the server has no "upgrade" listener', async () => {
    handover.websockets(new WebSocketServer({ noServer: true }), { name: 'chat' })
    await expectDeclined(webSocket)
  })

  test('if this process cannot read its state', async () => {
    serveStreams(() => {})
    await expectDeclined({ ...stream, state: 'AAAA' })
  })

  test('if the server is at maxConnections', async () => {
    serveStreams(() => {})
    server.maxConnections = 0
    await expectDeclined(stream)
  })

  test('while the connections of its server are held for a drain', async () => {
    serveStreams(() => {})
    Object.assign(Reflect.get(server, '_handle') as object, { close: () => {} })
    const queue = holdAccepted(server)
    await expectDeclined(stream)
    expect(queue?.accepted).toBe(0)
    queue?.close()
  })

  test('if its handle comes twice', async () => {
    serveStreams((_request, response) => response.writeHead(200, events).flushHeaders())
    await send(stream)
    const handle = { close: jest.fn() }
    handlers.call({ type: 'live-handle', id: 1 }, handle)
    expect([answers, handle.close.mock.calls.length]).toEqual([
      [
        [1, true],
        [1, false],
      ],
      1,
    ])
  })

  test('if it was not announced', () => {
    const handle = { close: jest.fn() }
    handlers.call({ type: 'live-handle', id: 9 }, handle)
    expect([answers, handle.close.mock.calls.length]).toEqual([[[9, false]], 1])
  })
})

test('reports when it has caught up', () => {
  handlers.call({ type: 'catch-up' }, undefined)
  expect(answers).toEqual(['caught up'])
})

test('handles no messages after the release', async () => {
  serveStreams(() => {})
  release()
  await send(stream)
  handlers.call({ type: 'catch-up' }, undefined)
  expect(answers).toEqual([])
})
