import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { deferRequests } from '../../src/drain/defer-requests.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

const [concerned, another] = [{}, {}] as [Socket, Socket]
let server: Server
let seen: unknown[]
let taken: boolean
let release: () => void
beforeEach(() => {
  server = new EventEmitter() as Server
  seen = []
  taken = false
  for (const event of ['request', 'checkContinue', 'checkExpectation', 'upgrade'])
    server.on(event, (request: IncomingMessage) => seen.push([event, request]))
  release = deferRequests(
    server,
    new FakeSystem(),
    (socket) => socket === concerned,
    () => taken,
  )
})

const on = (socket: Socket) => ({ socket }) as IncomingMessage

test.each(['request', 'checkContinue', 'checkExpectation'])(
  'the application sees a %s in the next turn of the event loop',
  async (event) => {
    const request = on(concerned)
    expect(server.emit(event, request, {} as ServerResponse)).toBe(true)
    expect(seen).toEqual([])
    await turn()
    expect(seen).toEqual([[event, request]])
  },
)

test('other events and requests on other connections are not deferred', () => {
  const [upgrade, request] = [on(concerned), on(another)]
  expect(server.emit('upgrade', upgrade)).toBe(true)
  expect(server.emit('request', request, {} as ServerResponse)).toBe(true)
  expect(server.emit('nobody listens')).toBe(false)
  expect(seen).toEqual([
    ['upgrade', upgrade],
    ['request', request],
  ])
})

test('the application never sees a request that the drain has taken', async () => {
  taken = true
  server.emit('request', on(concerned), {} as ServerResponse)
  await turn()
  expect(seen).toEqual([])
})

test('the decision about a request is made when the application would see it, not when it arrives', async () => {
  server.emit('request', on(concerned), {} as ServerResponse)
  taken = true
  await turn()
  expect(seen).toEqual([])
})

test('after the release no request is deferred, and the deferred ones still reach the application', async () => {
  const [first, second] = [on(concerned), on(concerned)]
  server.emit('request', first, {} as ServerResponse)
  release()
  server.emit('request', second, {} as ServerResponse)
  expect(seen).toEqual([['request', second]])
  await turn()
  expect(seen).toEqual([
    ['request', second],
    ['request', first],
  ])
  expect(Object.hasOwn(server, 'emit')).toBe(false)
})
