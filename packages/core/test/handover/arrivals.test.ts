import channels from 'node:diagnostics_channel'
import http from 'node:http'
import type { Socket } from 'node:net'
import { Connections } from '../../src/connections/connections.ts'
import { isUsed } from '../../src/connections/mark-as-used.ts'
import { Arrivals } from '../../src/handover/arrivals.ts'
import { MessageHandlers } from '../../src/handover/message-handlers.ts'
import type { Predecessor } from '../../src/handover/predecessor.ts'
import { FakeSystem } from '../fake-system.ts'
import { destroyAll, movable } from './movable-socket.ts'
import { turns } from '../turns.ts'

const address = 'tcp://[::]:3000'
const name = 'http.server.request.start'
const start = channels.channel(name)

let handlers: MessageHandlers
let answers: unknown[]
let server: http.Server
let connections: Connections
let arrived: Socket[]
let arrivals: Arrivals
let release: () => void
beforeEach(() => {
  handlers = new MessageHandlers()
  const own: unknown[] = []
  answers = own
  server = http.createServer({ keepAliveTimeout: 5000 })
  server.maxRequestsPerSocket = 10
  server.emit('listening')
  connections = new Connections(server, () => 0)
  arrived = []
  // As libuv accepts: Node's function makes a connection of the handle.
  Reflect.set(server, '_handle', {
    onconnection: (_status: number, { socket }: { socket: Socket }) => {
      arrived.push(socket)
      server.emit('connection', socket)
    },
  })
  const predecessor = {
    on: handlers.add.bind(handlers),
    sendTaken: (ids: number[]) => own.push(['taken', ids]),
    sendDeclined: (ids: number[], listening: boolean) => own.push(['declined', ids, listening]),
  }
  arrivals = new Arrivals(new FakeSystem())
  release = arrivals.listen(predecessor as unknown as Predecessor, (listener) =>
    listener === address ? connections : undefined,
  )
})
afterEach(async () => {
  await destroyAll()
  Reflect.set(server, '_handle', null)
  server.close()
})

/** The predecessor sends a connection. */
function send(id: number, { listener = address, used = false, requests = 0 } = {}) {
  const { socket } = movable()
  const handle = { socket, close: jest.fn() }
  handlers.call({ type: 'connection', id, listener, used, requests }, handle)
  return { socket, handle }
}

test('accepts connections through the listening handle, and answers once per event loop tick', async () => {
  const [first, second] = [send(1), send(2)]
  expect([arrivals.taken, answers]).toEqual([2, []])
  expect([arrived[0] === first.socket, arrived[1] === second.socket]).toEqual([true, true])
  await turns()
  expect(answers).toEqual([['taken', [1, 2]]])
  send(3)
  await turns()
  expect(answers).toEqual([
    ['taken', [1, 2]],
    ['taken', [3]],
  ])
  expect(first.handle.close).not.toHaveBeenCalled()
})

test('declines connections for an address without a server, and for a server at maxConnections', async () => {
  const stray = send(1, { listener: 'tcp://[::]:9' })
  server.maxConnections = 0
  const full = send(2)
  await turns()
  expect(answers).toEqual([
    ['declined', [2], true],
    ['declined', [1], false],
  ])
  expect([stray, full].map(({ handle }) => handle.close.mock.calls.length)).toEqual([1, 1])
  expect([arrivals.taken, arrived.length]).toEqual([0, 0])
})

test('declines a message that arrives without its handle', async () => {
  handlers.call({ type: 'connection', id: 1, listener: address, used: true, requests: 0 }, undefined)
  await turns()
  expect(answers).toEqual([['declined', [1], true]])
})

test('counts the requests that a connection has made in the predecessor', () => {
  const { socket } = send(1, { requests: 7 })
  expect(connections.requests?.of(socket)).toBe(7)
})

test('a connection that has made requests is idle, and expires like any idle connection', () => {
  const [used, unused] = [send(1, { used: true }), send(2)]
  const idle = connections.idle()
  expect([idle.has(used.socket), isUsed(used.socket), used.socket.timeout]).toEqual([true, true, 6000])
  expect(unused.socket.timeout ?? 0).toBe(0)
})

test('the next request ends the idle time of a connection', () => {
  server.timeout = 30_000
  const [first, second] = [send(1, { used: true }), send(2, { used: true })]
  for (const { socket } of [first, second]) Object.assign(socket, { server })
  const stranger = movable().socket.setTimeout(7000)
  for (const socket of [first.socket, stranger]) start.publish({ socket })
  expect([first.socket.timeout, second.socket.timeout, stranger.timeout]).toEqual([30_000, 6000, 7000])
})

test('listens for requests only while moved connections are idle', async () => {
  const [subscribe, unsubscribe] = [jest.spyOn(channels, 'subscribe'), jest.spyOn(channels, 'unsubscribe')]
  const [asking, closing] = [send(1, { used: true }), send(2, { used: true })]
  expect(subscribe.mock.calls).toEqual([[name, expect.any(Function)]])
  start.publish({ socket: asking.socket })
  expect(unsubscribe).not.toHaveBeenCalled()
  closing.socket.destroy()
  await turns()
  expect(unsubscribe.mock.calls).toEqual(subscribe.mock.calls)
  for (const each of [subscribe, unsubscribe]) each.mockRestore()
})

test('a connection does not expire if its server keeps idle connections forever', () => {
  server.keepAliveTimeout = 0
  const { socket } = send(1, { used: true })
  expect(socket.timeout ?? 0).toBe(0)
})

test('handles no messages after the release', async () => {
  release()
  send(1)
  await turns()
  expect([answers, arrivals.taken]).toEqual([[], 0])
})
