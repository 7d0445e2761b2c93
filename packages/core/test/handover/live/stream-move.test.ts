import http from 'node:http'
import type { ServerResponse } from 'node:http'
import { hasMoved } from '../../../src/connections/moved.ts'
import { Handover } from '../../../src/handover/live/handover.ts'
import type { Departure } from '../../../src/handover/live/move.ts'
import type { StreamsOptions } from '../../../src/handover/live/options.ts'
import { decodeState } from '../../../src/handover/live/saved-state.ts'
import { StreamMove } from '../../../src/handover/live/stream-move.ts'
import { destroyAll, movable } from '../movable-socket.ts'
import { turns } from '../../turns.ts'

const events = { 'Content-Type': 'text/event-stream' }

let server: http.Server
let response: ServerResponse
let handover: Handover
let takesStreams: boolean
let warnings: [code: string, cause: unknown][]
beforeEach(() => {
  server = http.createServer()
  server.emit('listening')
  server.on('request', (_request, each: ServerResponse) => {
    response ??= each
  })
  handover = new Handover(() => {})
  takesStreams = true
  warnings = []
  response = undefined as unknown as ServerResponse
})
afterEach(async () => {
  await destroyAll()
  server.close()
})

interface Asked {
  readonly head?: string
  readonly fields?: http.OutgoingHttpHeaders
  readonly options?: StreamsOptions
  readonly body?: string
}

/** A client asks for a stream, and gets its first event. */
async function open({ head = 'GET /events HTTP/1.1\r\nHost: x\r\n', fields = events, ...rest }: Asked = {}) {
  const { options = {}, body = 'id: 1\ndata: x\n\n' } = rest
  handover.streams(server, options)
  const connection = movable()
  server.emit('connection', connection.socket)
  connection.socket.push(`${head}\r\n`)
  await turns()
  response.writeHead(200, fields)
  response.write(body)
  await turns()
  connection.take()
  return { ...connection, move: moveOf(response) }
}

function moveOf(of: ServerResponse): StreamMove {
  return new StreamMove(server, of, {
    handover,
    takesStreams: () => takesStreams,
    onWarning: (code, cause) => warnings.push([code, cause]),
  })
}

const departed = (move: StreamMove): Departure => {
  const departure = move.depart()
  if (typeof departure === 'string') throw new Error(departure)
  return departure
}

describe('a stream', () => {
  test('is ready between two events', async () => {
    const { move, socket } = await open()
    expect([move.look(), move.target, move.socket === socket]).toEqual([
      'ready',
      { method: 'GET', url: '/events' },
      true,
    ])
  })

  test('is busy in the middle of an event', async () => {
    const { move } = await open({ body: 'id: 1\nda' })
    expect(move.look()).toBe('busy')
    response.write('ta: x\n\n')
    await turns()
    expect(move.look()).toBe('ready')
  })

  test('is busy while data is waiting to be flushed', async () => {
    const { move, handle } = await open()
    handle.writeQueueSize = 1
    expect(move.look()).toBe('busy')
    handle.writeQueueSize = 0
    response.cork()
    expect(move.look()).toBe('busy')
  })

  test('is busy while the next request is arriving', async () => {
    const { move, socket } = await open()
    socket.push('GET / HT')
    await turns()
    expect(move.look()).toBe('busy')
  })

  test('is busy while a pipelined request waits', async () => {
    const { move, socket } = await open()
    socket.push('GET /other HTTP/1.1\r\nHost: x\r\n\r\n')
    await turns()
    expect(move.look()).toBe('busy')
  })

  test.each([
    ['its response has ended', () => response.end()],
    ['its connection has closed', () => void response.socket!.destroy()],
  ])('has ended when %s', async (_when, end) => {
    const { move } = await open()
    end()
    expect(move.look()).toBe('over')
  })

  test.each<[string, Asked]>([
    ['method', { head: 'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n' }],
    ['encoded', { fields: { ...events, 'Content-Encoding': 'gzip' } }],
    ['encoded', { fields: { ...events, 'Content-Length': '1000' } }],
    ['match', { options: { match: () => false } }],
    ['event-id', { body: 'id: a\x01b\ndata: x\n\n' }],
  ])('never moves because of: %s', async (reason, asked) => {
    const { move } = await open(asked)
    expect([move.look(), warnings]).toEqual([reason, []])
  })

  test('never moves if the application has not enabled it or the successor does not take streams', async () => {
    const { move } = await open()
    const other = http.createServer()
    const stranger = new StreamMove(other, response, {
      handover,
      takesStreams: () => true,
      onWarning: () => {},
    })
    expect(stranger.look()).toBe('not-registered')
    takesStreams = false
    expect(move.look()).toBe('not-taken')
  })

  test('never moves if its events were not followed from the start', async () => {
    const { move } = await open({ head: 'GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n' })
    expect([move.look(), move.depart()]).toEqual(['not-seen', 'not-seen'])
  })

  test('never moves if "match" throws, and "match" is called once', async () => {
    const cause = new Error('broken on purpose')
    const match = jest.fn(() => {
      throw cause
    })
    const { move } = await open({ options: { match } })
    expect([move.look(), move.look(), match.mock.calls.length]).toEqual(['match', 'match', 1])
    expect(warnings).toEqual([['ERR_ZERODROP_SAVE_FAILED', cause]])
  })
})

describe('a stream being moved', () => {
  test('carries its request with the id of its last event, and the saved state', async () => {
    const { move, handle, socket } = await open({
      options: { save: () => ({ room: 7 }) },
      head: 'GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n',
    })
    socket.setTimeout(5000)
    const departure = departed(move)
    expect(departure.offer).toMatchObject({
      kind: 'stream',
      head: 'GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\n\r\n',
      chunked: true,
      half: '',
    })
    expect(decodeState(departure.offer.state)).toEqual({ room: 7 })
    expect([departure.handle === handle, handle.isRead, socket.timeout]).toEqual([true, false, 0])
    socket.setTimeout(0)
  })

  test('carries no id if its events have none', async () => {
    const { move } = await open({ body: 'data: x\n\n' })
    expect(departed(move).offer.head).toBe('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  })

  test('is closed here once taken, and data written in the meantime is not sent', async () => {
    const { move, socket, text } = await open()
    const before = text()
    const departure = departed(move)
    response.write('data: late\n\n')
    departure.taken(() => {})
    await turns()
    expect([hasMoved(socket), socket.destroyed, text()]).toEqual([true, true, before])
  })

  test('continues here if it stays: it is read again and sends what was written in the meantime', async () => {
    const { move, handle, socket, text } = await open()
    socket.setTimeout(5000)
    const departure = departed(move)
    response.write('data: late\n\n')
    response.end()
    await turns()
    expect(text()).not.toContain('late')
    departure.stays()
    expect([handle.isRead, socket.timeout]).toEqual([true, 5000])
    await turns()
    expect(text()).toMatch(/data: late\n\n\r\n0\r\n\r\n$/)
    socket.setTimeout(0)
  })

  test('stays if its state cannot be saved', async () => {
    const { move, handle, text } = await open({ options: { save: () => () => {} } })
    expect(move.depart()).toBe('save-failed')
    expect([handle.isRead, warnings]).toEqual([
      true,
      [['ERR_ZERODROP_SAVE_FAILED', expect.objectContaining({ code: 'ERR_ZERODROP_SAVE_FAILED' })]],
    ])
    response.write('data: on\n\n')
    await turns()
    expect(text()).toContain('data: on')
  })

  test('stays if the kernel does not know its connection', async () => {
    const { move, socket } = await open()
    Reflect.set(socket, '_handle', { readStop: () => {}, readStart: () => {}, close: () => {} })
    expect(move.depart()).toBe('no-descriptor')
  })
})
