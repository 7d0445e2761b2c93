import { EventEmitter } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import type { Connections } from '../../src/connections/connections.ts'
import { Http2Requests } from '../../src/drain/http2-requests.ts'
import { Tally } from '../../src/drain/tally.ts'
import type { CutConnection } from '../../src/events/drain-report.ts'

/** A stream that closes on demand, in the way Node closes it. */
class FakeStream extends EventEmitter {
  closed = false
  aborted = false
  headersSent = false
  writableFinished = false
  rstCode = 0
  readonly state = { remoteClose: 1 }
  readonly session: object | undefined

  constructor(session: object | undefined) {
    super()
    this.session = session
  }

  close(code = 0): void {
    this.rstCode = code
    this.#end()
  }

  destroy(error?: Error): this {
    if (error !== undefined) this.rstCode = 2
    this.#end()
    return this
  }

  /** The response is complete. */
  answers(): void {
    this.writableFinished = true
    this.#end()
  }

  /** The client ends the stream, which calls neither of the two methods. */
  isReset(): void {
    this.aborted = true
    this.rstCode = 8
    this.#end()
  }

  #end(): void {
    if (this.closed) return
    this.closed = true
    this.emit('close')
  }
}

const session = {}
let server: EventEmitter
let socket: EventEmitter & { writableEnded: boolean; errored: unknown }
let streams: Map<FakeStream, object>
let cut: [CutConnection, forced: boolean][]
let tally: Tally
let requests: Http2Requests
beforeEach(() => {
  server = new EventEmitter()
  socket = Object.assign(new EventEmitter(), { writableEnded: false, errored: null })
  streams = new Map()
  cut = []
  tally = new Tally((connection, forced) => cut.push([connection, forced]))
  const connections = {
    server,
    streams,
    sockets: new Map([[socket, 100]]),
    sessions: { socketOf: (each: object) => (each === session ? socket : undefined) },
  } as unknown as Connections
  requests = new Http2Requests(connections, tally, () => ({ now: 700, began: () => 0 }))
})

function open(on: object | null = session): FakeStream & ServerHttp2Stream {
  const stream = new FakeStream(on ?? undefined)
  streams.set(stream, { ':method': 'POST', ':path': '/pay' })
  server.emit('stream', stream)
  return stream as unknown as FakeStream & ServerHttp2Stream
}

const counts = () => {
  const { begun, arrived, finished, served, left, cutRequests } = tally
  return { begun, arrived, finished, served, left, cutRequests }
}
const none = { begun: 0, arrived: 0, finished: 0, served: 0, left: 0, cutRequests: 0 }

test('when answered, a stream that was open counts as finished, and a stream that arrives as served', () => {
  const early = open()
  requests.start()
  const late = open()
  expect(counts()).toEqual({ ...none, begun: 1, arrived: 1 })
  early.answers()
  late.answers()
  expect(counts()).toEqual({ ...none, begun: 1, arrived: 1, finished: 1, served: 1 })
  expect(cut).toEqual([])
})

test('a stream that its client resets counts as left', () => {
  requests.start()
  open().isReset()
  expect(counts()).toEqual({ ...none, arrived: 1, left: 1 })
})

test.each([
  ['resets', { aborted: false, rstCode: 8 }],
  ['aborts', { aborted: true, rstCode: 0 }],
])('a stream that its client %s before the answer is complete counts as left', (_how, end) => {
  requests.start()
  const stream = open()
  Object.assign(stream, end, { writableFinished: true })
  stream.emit('close')
  expect(counts()).toEqual({ ...none, arrived: 1, left: 1 })
})

test.each([
  ['close(8)', (stream: ServerHttp2Stream) => stream.close(8)],
  ['close(0) in mid-body', (stream: ServerHttp2Stream) => stream.close(0)],
  ['destroy()', (stream: ServerHttp2Stream) => stream.destroy(new Error('on purpose'))],
])('a stream that other code ends with %s counts as cut', (_way, end) => {
  requests.start()
  const stream = open()
  stream.headersSent = true
  end(stream)
  expect(counts()).toEqual({ ...none, arrived: 1, cutRequests: 1 })
  const named = { state: 'responding', method: 'POST', url: '/pay', connectedFor: 600, by: 'application' }
  expect(cut).toEqual([[named, false]])
  expect(tally.cut).toEqual([named])
})

test('a complete answer counts as served, even if other code closes the stream after it', () => {
  requests.start()
  const stream = open()
  stream.writableFinished = true
  stream.close(0)
  expect(counts()).toEqual({ ...none, arrived: 1, served: 1 })
})

test.each([
  ['ended', () => socket.emit('end')],
  ['lost', () => Object.assign(socket, { errored: { code: 'ECONNRESET', syscall: 'read' } })],
])('a stream whose connection its client has %s counts as left, although Node destroys it', (_how, end) => {
  requests.start()
  const stream = open()
  end()
  stream.destroy()
  expect(counts()).toEqual({ ...none, arrived: 1, left: 1 })
})

test('a connection that this process ended first has not left', () => {
  requests.start()
  const stream = open()
  socket.writableEnded = true
  socket.emit('end')
  stream.destroy()
  expect(counts()).toEqual({ ...none, arrived: 1, cutRequests: 1 })
})

test('a stream whose socket is not known is cut as well', () => {
  requests.start()
  open(null).destroy()
  expect(cut).toEqual([[{ state: 'handling', method: 'POST', url: '/pay', by: 'application' }, false]])
})

test('a connection is listened to once, whatever the number of its streams', () => {
  requests.start()
  for (let index = 0; index < 20; index++) open()
  expect(socket.listenerCount('end')).toBe(1)
})

test('a stream open at the deadline counts as cut once, however it then ends', () => {
  requests.start()
  const [first, second] = [open(), open()]
  requests.force()
  expect(counts()).toEqual({ ...none, arrived: 2, cutRequests: 2 })
  first.answers()
  second.close(8)
  expect(counts()).toEqual({ ...none, arrived: 2, cutRequests: 2 })
  expect(cut).toEqual([])
})

test('a stream has its own methods back when it has closed', () => {
  requests.start()
  const stream = open()
  expect([Object.hasOwn(stream, 'close'), Object.hasOwn(stream, 'destroy')]).toEqual([true, true])
  stream.answers()
  expect([Object.hasOwn(stream, 'close'), Object.hasOwn(stream, 'destroy')]).toEqual([false, false])
})

test('dispose() follows nothing any more', () => {
  requests.start()
  const stream = open()
  requests.dispose()
  stream.close(8)
  open().answers()
  expect(counts()).toEqual({ ...none, arrived: 1 })
  expect(server.listenerCount('stream')).toBe(0)
})
