import channels from 'node:diagnostics_channel'
import http from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from '../../src/connections/connections.ts'
import { noteUsed } from '../../src/connections/mark-as-used.ts'
import { hasMoved } from '../../src/connections/moved.ts'
import { Migration } from '../../src/handover/migration.ts'
import type { ConnectionOffer, Successor } from '../../src/handover/successor.ts'
import { FakeSystem } from '../fake-system.ts'
import { destroyAll, type Movable, movable } from './movable-socket.ts'
import { ScriptedSuccessor } from './scripted-successor.ts'
import { turns } from '../turns.ts'

const name = 'http.server.response.finish'
const finish = channels.channel(name)

class FakeSuccessor extends ScriptedSuccessor {
  readonly offers: [id: number, offer: ConnectionOffer, handle: unknown][] = []

  async sendConnection(id: number, offer: ConnectionOffer, handle: unknown): Promise<void> {
    this.offers.push([id, offer, handle])
  }

  async takes(...ids: number[]): Promise<void> {
    this.handlers.call({ type: 'taken', ids }, undefined)
    await turns()
  }

  async declines(id: number, listening: boolean): Promise<void> {
    this.handlers.call({ type: 'declined', ids: [id], listening }, undefined)
    await turns()
  }
}

let system: FakeSystem
let successor: FakeSuccessor
let server: http.Server
let sockets: Map<Socket, number>
let idle: Set<Socket>
let mayMove: boolean
let told: [what: string, socket?: Socket | undefined][]
let migration: Migration
beforeEach(() => {
  system = new FakeSystem()
  successor = new FakeSuccessor()
  server = http.createServer()
  sockets = new Map()
  idle = new Set()
  mayMove = true
  told = []
})
afterEach(async () => {
  migration.dispose()
  await destroyAll()
})

/** An idle connection that has made three requests. */
function connect(): Movable {
  const connection = movable()
  // Node's parser, which has read a complete request.
  Object.assign(connection.socket, { parser: { incoming: null } })
  sockets.set(connection.socket, 0)
  idle.add(connection.socket)
  return connection
}

async function start(warm = true): Promise<void> {
  const connections = {
    http: server,
    sockets,
    idle: () => new Set(idle),
    requests: { of: () => 3 },
  } as unknown as Connections
  const source = { connections, listener: 'tcp://*:3000', mayMove: () => mayMove }
  migration = new Migration(system, successor as unknown as Successor, [source])
  migration.start({
    onKept: (_connections, kept) => told.push(...kept.map((socket): [string, Socket] => ['kept', socket])),
    onDeclined: (_connections, socket) => told.push(['declined', socket]),
    onNotListening: () => told.push(['not listening']),
  })
  if (warm) system.advance(250)
  await turns()
}

const offered = (): unknown[] => successor.offers.map(([, , handle]) => handle)

test('an idle connection moves: it is not read until the successor has taken it, and then is closed here', async () => {
  const { socket, handle } = connect()
  socket.setTimeout(5000)
  await start()
  expect(successor.offers).toEqual([[1, { listener: 'tcp://*:3000', used: true, requests: 3 }, handle]])
  expect([handle.isRead, socket.timeout, socket.destroyed, migration.moved]).toEqual([false, 0, false, 0])
  await successor.takes(1)
  expect([migration.moved, hasMoved(socket), socket.destroyed]).toEqual([1, true, true])
  expect(told).toEqual([])
})

test('a connection that never received data moves, and is reported as unused', async () => {
  const { handle } = connect()
  idle.clear()
  handle.bytesRead = 0
  await start()
  expect(successor.offers).toMatchObject([[1, { used: false }, {}]])
})

test.each([
  ['the successor declines it', true, 'declined'],
  ['nobody listens there', false, 'not listening'],
])('a connection stays here if %s, and is not offered again', async (_when, listening, what) => {
  const { socket, handle } = connect()
  socket.setTimeout(5000)
  await start()
  await successor.declines(1, listening)
  expect([handle.isRead, socket.timeout, socket.destroyed]).toEqual([true, 5000, false])
  expect([told[0]![0], migration.declined, migration.moved]).toEqual([what, 1, 0])
  finish.publish({ server, socket })
  await turns()
  expect(successor.offers).toHaveLength(1)
})

test('a connection stays here if the successor is gone, and no other is offered', async () => {
  const { socket, handle } = connect()
  socket.setTimeout(5000)
  await start()
  successor.goes()
  await turns()
  expect([handle.isRead, socket.timeout, migration.declined, told.length]).toEqual([true, 5000, 0, 0])
  const other = connect()
  finish.publish({ server, socket: other.socket })
  await turns()
  expect(successor.offers).toHaveLength(1)
})

test('a connection with an in-flight request moves after the response', async () => {
  const { socket, handle } = connect()
  idle.clear()
  Object.assign(socket, { _httpMessage: {} })
  await start()
  expect(successor.offers).toEqual([])
  Object.assign(socket, { _httpMessage: null })
  idle.add(socket)
  finish.publish({ server: http.createServer(), socket })
  await turns()
  expect(successor.offers).toEqual([])
  finish.publish({ server, socket })
  await turns()
  expect(offered()).toEqual([handle])
})

test('a connection that is receiving a request head is not offered', async () => {
  const { handle } = connect()
  idle.clear()
  await start()
  expect([handle.isRead, successor.offers]).toEqual([true, []])
})

test('a connection moves once its response is flushed', async () => {
  const { handle } = connect()
  handle.writeQueueSize = 10
  await start()
  expect(successor.offers).toEqual([])
  handle.writeQueueSize = 0
  for (const socket of sockets.keys()) finish.publish({ server, socket })
  await turns()
  expect(offered()).toEqual([handle])
})

test('a connection that the kernel does not know stays, with or without a request', async () => {
  const [one, busy] = [connect(), connect()]
  for (const { socket } of [one, busy]) Reflect.set(socket, '_handle', null)
  idle.delete(busy.socket)
  noteUsed(busy.socket)
  Object.assign(busy.socket, { _httpMessage: {} })
  await start()
  expect(told.map(([what, socket]) => [what, socket === one.socket || socket === busy.socket])).toEqual([
    ['kept', true],
    ['kept', true],
  ])
  expect(successor.offers).toEqual([])
})

test('a connection that may not move stays', async () => {
  mayMove = false
  const { socket, handle } = connect()
  await start()
  expect([told.length, told[0]![0], told[0]![1] === socket]).toEqual([1, 'kept', true])
  expect([handle.isRead, successor.offers]).toEqual([true, []])
})

test('connections move slowly to a new successor: one at first, and twice as many every 20 ms', async () => {
  const handles = Array.from({ length: 4 }, () => connect().handle)
  await start(false)
  expect(offered()).toEqual(handles.slice(0, 1))
  system.advance(20)
  await turns()
  expect(offered()).toEqual(handles.slice(0, 2))
  system.advance(20)
  await turns()
  expect(offered()).toEqual(handles)
})

test('no more connections are in transit than the channel accepts at once', async () => {
  successor.handlesAtOnce = 2
  for (let index = 0; index < 3; index++) connect()
  await start()
  expect(successor.offers).toHaveLength(2)
  await successor.takes(1)
  expect(successor.offers).toHaveLength(3)
})

test('a connection that receives data before its turn is checked again', async () => {
  successor.handlesAtOnce = 1
  const [, second] = [connect(), connect()]
  await start()
  second.handle.bytesRead += 10
  idle.delete(second.socket)
  await successor.takes(1)
  expect([successor.offers.length, second.handle.isRead]).toEqual([1, true])
  idle.add(second.socket)
  finish.publish({ server, socket: second.socket })
  await turns()
  expect(successor.offers).toHaveLength(2)
})

test('data that is no request, such as an empty line, does not keep a connection here', async () => {
  successor.handlesAtOnce = 1
  const [, second] = [connect(), connect()]
  await start()
  second.handle.bytesRead += 2
  await successor.takes(1)
  expect(offered()[1]).toBe(second.handle)
})

test('the first pass ends when each connection that could move was offered, or at once without any', async () => {
  successor.handlesAtOnce = 1
  connect()
  connect()
  await start()
  const passed = jest.fn()
  void migration.passed.then(passed)
  await turns()
  expect(passed).not.toHaveBeenCalled()
  await successor.takes(1)
  expect(passed).toHaveBeenCalledTimes(1)
  await successor.takes(2)
  migration.dispose()
  sockets.clear()
  await start()
  await migration.passed
})

test('dispose() stops offering, resumes connections in transit, and removes all listeners', async () => {
  const [subscribe, unsubscribe] = [jest.spyOn(channels, 'subscribe'), jest.spyOn(channels, 'unsubscribe')]
  const { handle } = connect()
  connect()
  await start(false)
  expect([handle.isRead, system.timers]).toEqual([false, 1])
  migration.dispose()
  await turns()
  expect([handle.isRead, migration.declined, successor.offers.length, system.timers]).toEqual([true, 0, 1, 0])
  expect(subscribe.mock.calls).toEqual([[name, expect.any(Function)]])
  expect(unsubscribe.mock.calls).toEqual(subscribe.mock.calls)
  for (const each of [subscribe, unsubscribe]) each.mockRestore()
})
