import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { duplexPair, type Duplex } from 'node:stream'
import type { Connections } from '../../src/connections/connections.ts'
import { isClosing } from '../../src/drain/close-gently.ts'
import { Http2Drain } from '../../src/drain/http2-drain.ts'
import { FakeSystem } from '../fake-system.ts'
import { turns } from '../turns.ts'

class FakeSession extends EventEmitter {
  destroyed = false
  closed = false
  readonly goaways: unknown[][] = []
  closes = 0
  /** The answer of the client to a ping. */
  pong: () => void = () => {}

  ping(callback: () => void): void {
    this.pong = callback
  }

  goaway(...args: unknown[]): void {
    this.goaways.push(args)
  }

  close(): void {
    this.closes++
    this.closed = true
  }
}

let system: FakeSystem
let server: EventEmitter
let sockets: Map<FakeSession, Socket>
let streams: Map<EventEmitter & { session: FakeSession }, object>
let secure: boolean
beforeEach(() => {
  system = new FakeSystem()
  server = new EventEmitter()
  sockets = new Map()
  streams = new Map()
  secure = false
})

function connect(): { session: FakeSession; client: Duplex; socket: Socket } {
  const session = new FakeSession()
  const [here, client] = duplexPair()
  sockets.set(session, here as Socket)
  return { session, client, socket: here as Socket }
}

function open(session: FakeSession): EventEmitter {
  const stream = Object.assign(new EventEmitter(), { session })
  streams.set(stream, {})
  return stream
}

function announce(): Http2Drain {
  const connections = {
    server,
    streams,
    secure,
    sessions: Object.assign([...sockets.keys()], {
      socketOf: (session: FakeSession) => sockets.get(session),
    }),
  } as unknown as Connections
  const drain = new Http2Drain(connections, system)
  drain.announce()
  return drain
}

/** Length 8, type GOAWAY, no flags, stream 0; last stream id 2^31 - 1, NO_ERROR. */
const openNoMore = Buffer.from('0000080700000000007fffffff00000000', 'hex')

test('asks the client to open no more streams, and closes the session when the ping is answered', async () => {
  const { session, client } = connect()
  open(session)
  announce()
  await turns()
  expect([client.read(), session.closes, session.goaways]).toEqual([openNoMore, 0, []])
  session.pong()
  expect([session.closes, system.timers]).toEqual([1, 0])
})

test('waits at most one second for a client that does not answer', () => {
  const { session } = connect()
  announce()
  system.advance(999)
  expect(session.closes).toBe(0)
  system.advance(1)
  expect(session.closes).toBe(1)
})

test('ends sessions opened during the drain too, until dispose()', async () => {
  const drain = announce()
  const { session, client } = connect()
  server.emit('session', session)
  await turns()
  expect(client.read()).toEqual(openNoMore)
  drain.dispose()
  const { session: other, client: late } = connect()
  server.emit('session', other)
  await turns()
  expect([late.read(), system.timers, server.listenerCount('session')]).toEqual([null, 0, 0])
})

test.each(['destroyed', 'closed'] as const)('leaves alone a session that is %s', async (state) => {
  const { session, client } = connect()
  session[state] = true
  announce()
  await turns()
  expect([client.read(), system.timers]).toEqual([null, 0])
})

test('does not close a session that was destroyed in the meantime', () => {
  const { session } = connect()
  announce()
  session.destroyed = true
  session.pong()
  expect([session.closes, system.timers]).toEqual([0, 0])
})

describe('over TLS', () => {
  beforeEach(() => {
    secure = true
  })

  test('Node sends the GOAWAY, and zerodrop writes nothing itself', async () => {
    const { session, client } = connect()
    open(session)
    announce()
    await turns()
    expect([session.goaways, client.read(), session.closes]).toEqual([[[0, 2 ** 31 - 1]], null, 0])
  })

  test('a session without streams closes at once, because Node would not read the answer to the ping', () => {
    const { session } = connect()
    announce()
    expect([session.closes, system.timers]).toEqual([1, 0])
  })

  test('a session closes after the last of its streams', () => {
    const { session } = connect()
    const [first, second] = [open(session), open(session)]
    announce()
    first.emit('close')
    expect(session.closes).toBe(0)
    second.emit('close')
    expect([session.closes, system.timers]).toEqual([1, 0])
  })
})

describe('the socket of a closed session', () => {
  test('is closed gently once everything is sent', async () => {
    const { socket, client } = connect()
    announce()
    client.resume()
    expect(isClosing(socket)).toBe(false)
    socket.end()
    await turns()
    expect(isClosing(socket)).toBe(true)
  })

  test('is ended at once if the session closed before the drain', async () => {
    const { session, socket, client } = connect()
    session.closed = true
    client.resume()
    socket.end()
    await turns()
    announce()
    expect(isClosing(socket)).toBe(true)
    socket.destroy()
    await turns()
  })

  test('is no longer followed after it closes or after dispose()', async () => {
    const [first, second] = [connect(), connect()]
    const drain = announce()
    first.socket.destroy()
    await turns()
    expect(first.socket.listenerCount('finish')).toBe(0)
    drain.dispose()
    expect(second.socket.listenerCount('finish')).toBe(0)
  })
})
