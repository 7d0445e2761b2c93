import http from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import type { Connections } from '../../../src/connections/connections.ts'
import type { Upgraded } from '../../../src/connections/upgrades.ts'
import type { ZerodropError } from '../../../src/errors/zerodrop-error.ts'
import type { StayedConnection, StayReason } from '../../../src/events/drain-report.ts'
import { Handover } from '../../../src/handover/live/handover.ts'
import { LiveMigration } from '../../../src/handover/live/live-migration.ts'
import { decodeCall } from '../../../src/handover/live/saved-state.ts'
import type { Successor } from '../../../src/handover/successor.ts'
import { FakeSystem } from '../../fake-system.ts'
import { destroyAll, movable } from '../movable-socket.ts'
import { ScriptedSuccessor } from '../scripted-successor.ts'
import { accept, type Accepted } from './accepted-web-socket.ts'
import { turns } from '../../turns.ts'

class FakeSuccessor extends ScriptedSuccessor {
  takes = { webSockets: ['chat'], streams: true }
  readonly offers: { id: number; listener: string; kind: string; handle: unknown }[] = []
  readonly late: unknown[] = []

  async sendLive(id: number, listener: string, { kind }: { kind: string }, handle: unknown): Promise<void> {
    this.offers.push({ id, listener, kind, handle })
  }

  async sendLate(id: number, call: string): Promise<void> {
    this.late.push([id, ...decodeCall(call)])
  }

  async answers(id: number, taken: boolean): Promise<void> {
    this.handlers.call({ type: 'live-answer', id, taken }, undefined)
    await turns()
  }
}

let system: FakeSystem
let successor: FakeSuccessor
let server: http.Server
let wss: WebSocketServer
let handover: Handover
let upgraded: Map<Socket, Upgraded>
let sockets: Map<Socket, number>
let never: StayReason | undefined
let mayMove: boolean
let stays: StayedConnection[]
let warnings: ZerodropError[]
let migration: LiveMigration
beforeEach(() => {
  system = new FakeSystem()
  successor = new FakeSuccessor()
  server = http.createServer()
  server.emit('listening')
  wss = new WebSocketServer({ noServer: true })
  handover = new Handover(() => {})
  upgraded = new Map()
  sockets = new Map()
  never = undefined
  mayMove = true
  stays = []
  warnings = []
  const connections = { server, upgraded, sockets } as unknown as Connections
  const source = {
    connections,
    listener: 'tcp://*:3000',
    mayMove: () => mayMove,
    get never() {
      return never
    },
  }
  migration = new LiveMigration(system, successor as unknown as Successor, handover, [source])
})
afterEach(async () => {
  migration.dispose()
  await destroyAll()
  server.close()
  if (system.timers > 0) throw new Error('a timer was left running')
})

function connect(): Accepted {
  const accepted = accept(wss)
  upgraded.set(accepted.socket, accepted.upgraded)
  return accepted
}

/** A WebSocket of a server that is registered. */
function register(options: object = {}): Accepted {
  handover.websockets(wss, { name: 'chat', ...options })
  return connect()
}

/** A client that gets an event stream. */
async function openStream(type = 'text/event-stream'): Promise<http.ServerResponse> {
  handover.streams(server)
  const connection = movable()
  sockets.set(connection.socket, 0)
  const asked = new Promise<http.ServerResponse>((resolve) =>
    server.once('request', (_request, response) => resolve(response)),
  )
  server.emit('connection', connection.socket)
  connection.socket.push('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  const response = await asked
  response.writeHead(200, { 'Content-Type': type })
  response.write('data: 1\n\n')
  await turns()
  return response
}

async function start(): Promise<void> {
  migration.start({
    onStays: (_connections, _socket, stayed) => stays.push(stayed),
    onWarning: (error) => warnings.push(error),
  })
  await turns()
}

/** The time until the next check. */
async function lookAgain(): Promise<void> {
  system.advance(20)
  await turns()
}

test('a WebSocket moves, along with what the application still sends on it', async () => {
  const { socket, handle, webSocket } = register()
  await start()
  expect(successor.offers).toMatchObject([{ id: 1, listener: 'tcp://*:3000', kind: 'websocket' }])
  expect([successor.offers[0]!.handle === handle, migration.isUnderWay(socket)]).toEqual([true, true])
  await successor.answers(1, true)
  expect([migration.moved, migration.isUnderWay(socket)]).toEqual([{ websockets: 1, streams: 0 }, false])
  webSocket.send('late')
  expect(successor.late).toEqual([[1, 'send', 'late']])
  expect([migration.stayed, stays, warnings]).toEqual([[], [], []])
})

test('an event stream moves', async () => {
  await openStream()
  await start()
  expect(successor.offers).toMatchObject([{ id: 1, kind: 'stream' }])
  await successor.answers(1, true)
  expect(migration.moved).toEqual({ websockets: 0, streams: 1 })
})

test('a connection that the successor declines stays, and is not offered again', async () => {
  const { handle } = register()
  await start()
  await successor.answers(1, false)
  const stayed = { kind: 'websocket', reason: 'declined', method: 'GET', url: '/chat?room=7' }
  expect([stays, migration.stayed, handle.isRead]).toEqual([[stayed], [stayed], true])
  await lookAgain()
  expect([successor.offers.length, migration.moved.websockets]).toEqual([1, 0])
})

test.each([
  ['its server never lets it go', () => (never = 'tls' as StayReason), 'tls'],
  ['it may not move', () => (mayMove = false), 'migrate'],
  [
    'the successor does not take it',
    () => (successor.takes = { webSockets: [], streams: false }),
    'not-taken',
  ],
])('a connection stays, with a reason, if %s', async (_when, forbid, reason) => {
  const { handle } = register()
  forbid()
  await start()
  expect([stays.map((each) => each.reason), successor.offers, handle.isRead]).toEqual([[reason], [], true])
})

test('a busy connection is checked again after 20 ms, as are connections opened since', async () => {
  const { handle } = register()
  handle.writeQueueSize = 1
  await start()
  handle.writeQueueSize = 0
  const late = connect()
  await turns()
  expect(successor.offers).toEqual([])
  await lookAgain()
  expect(successor.offers.map((offer) => offer.handle === handle || offer.handle === late.handle)).toEqual([
    true,
    true,
  ])
  await lookAgain()
  expect(successor.offers).toHaveLength(2)
})

test('a connection that closes before its turn is dropped', async () => {
  const { socket, handle } = register()
  handle.writeQueueSize = 1
  await start()
  socket.destroy()
  await lookAgain()
  expect([successor.offers, stays]).toEqual([[], []])
})

test('connections move one at a time if the channel accepts no more', async () => {
  successor.handlesAtOnce = 1
  register()
  connect()
  await start()
  expect(successor.offers).toHaveLength(1)
  await successor.answers(1, true)
  expect(successor.offers).toHaveLength(2)
})

test('a WebSocket whose library behaves unexpectedly stays, and this is reported once', async () => {
  const both = [register(), connect()]
  for (const { webSocket } of both)
    Object.defineProperty(webSocket, 'bufferedAmount', {
      get: () => {
        throw new Error('of another version')
      },
    })
  await start()
  expect(stays.map(({ reason }) => reason)).toEqual(['other-version', 'other-version'])
  expect(warnings).toMatchObject([{ code: 'ERR_ZERODROP_WEBSOCKETS_UNKNOWN' }])
})

test('an error thrown by "stay" is reported, and the connection stays', async () => {
  const cause = new Error('broken on purpose')
  register({
    stay: () => {
      throw cause
    },
  })
  await start()
  await successor.answers(1, false)
  expect([stays.length, warnings]).toEqual([
    1,
    [expect.objectContaining({ code: 'ERR_ZERODROP_SAVE_FAILED', cause })],
  ])
})

test('an error about an invalid state is reported unchanged', async () => {
  register({ save: () => Buffer.alloc(65 * 1024) })
  await start()
  expect([stays[0]?.reason, warnings.map(({ code }) => code)]).toEqual([
    'save-failed',
    ['ERR_ZERODROP_STATE_TOO_LARGE'],
  ])
})

test('a WebSocket is going to move for as long as it may', () => {
  const leaves = (protocol = 'websocket'): boolean =>
    migration.leaves({ socket: [...upgraded.keys()][0], protocol } as Upgraded)
  connect()
  expect(leaves()).toBe(false)
  handover.websockets(wss, { name: 'chat' })
  expect([leaves(), leaves('connect')]).toEqual([true, false])
  expect(migration.leaves({ socket: movable().socket, protocol: 'websocket' } as Upgraded)).toBe(false)
  never = 'tls' as StayReason
  expect(leaves()).toBe(false)
  never = undefined
  migration.dispose()
  expect(leaves()).toBe(false)
})

test('a request that is an open event stream or has become a WebSocket is going to move', async () => {
  const response = await openStream()
  const other = await openStream('text/plain')
  const { socket } = connect()
  const isLeaving = (): boolean[] => [
    migration.isLeaving(response.req),
    migration.isLeaving({ socket: response.req.socket } as IncomingMessage),
    migration.isLeaving(other.req),
    migration.isLeaving({ socket } as IncomingMessage),
    migration.isLeaving({ socket: movable().socket } as IncomingMessage),
  ]
  expect(isLeaving()).toEqual([true, false, false, false, false])
  handover.websockets(wss, { name: 'chat' })
  expect(isLeaving()).toEqual([true, false, false, true, false])
  migration.dispose()
  expect(isLeaving()).toEqual([false, false, false, false, false])
})

test('nothing is checked if the application has enabled no moves', async () => {
  connect()
  await start()
  expect([successor.offers, system.timers]).toEqual([[], 0])
})

test('the application has half a second for late calls after the last move or the last late call', async () => {
  await migration.quiet()
  const { webSocket } = register()
  await start()
  await successor.answers(1, true)
  system.advance(300)
  webSocket.send('late')
  const quiet = jest.fn()
  void migration.quiet().then(quiet)
  migration.dispose()
  system.advance(499)
  await turns()
  expect(quiet).not.toHaveBeenCalled()
  system.advance(1)
  await turns()
  expect(quiet).toHaveBeenCalledTimes(1)
})

test('connections on their way to a lost successor continue here, and no more are checked', async () => {
  const { handle, socket } = register()
  await start()
  expect(handle.isRead).toBe(false)
  successor.goes()
  await turns()
  expect([handle.isRead, stays, migration.isUnderWay(socket), system.timers]).toEqual([true, [], false, 0])
})

test('dispose() resumes reading on paused connections', async () => {
  const { handle } = register()
  handle.writeQueueSize = 1
  await start()
  for (let time = 0; time < 120; time += 20) await lookAgain()
  expect(handle.isRead).toBe(false)
  migration.dispose()
  expect(handle.isRead).toBe(true)
})
