import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Connections } from '../../src/connections/connections.ts'
import { closeMoved } from '../../src/connections/moved.ts'
import { Http1Requests } from '../../src/drain/http1-requests.ts'
import { refused } from '../../src/drain/refusal.ts'
import { Tally } from '../../src/drain/tally.ts'
import type { CutConnection } from '../../src/events/drain-report.ts'
import { FakeSystem } from '../fake-system.ts'
import { type Client, serve } from './drained-server.ts'
import { turns } from '../turns.ts'

let served: ReturnType<typeof serve>
let client: Client
let cut: [CutConnection, forced: boolean][]
let tally: Tally
let requests: Http1Requests
beforeEach(() => {
  served = serve()
  client = served.open()
  cut = []
  tally = new Tally((connection, forced) => cut.push([connection, forced]))
  const times = { now: 700, began: () => 200 }
  requests = new Http1Requests(served.drain.connections, served.system, tally, () => times)
})
afterEach(() => {
  requests.dispose()
  served.end()
})

/** The client sends requests, and the application receives them. */
async function ask(count: number): Promise<ServerResponse[]> {
  const before = client.responses.length
  client.ask(count)
  await turns()
  return client.responses.slice(before)
}

async function answer(response: ServerResponse): Promise<void> {
  const { req: request } = response
  const { socket } = request
  response.end('whole')
  requests.finish(request, response, socket)
  await turns()
}

const isOpen = ({ req }: ServerResponse): boolean => requests.on(req.socket).includes(req)
const socketOf = ({ req }: ServerResponse): Socket => req.socket
const counts = () => {
  const { begun, arrived, finished, served: late, refused: no, left, moved, cutRequests } = tally
  return { begun, arrived, finished, served: late, refused: no, left, moved, cutRequests }
}
const none = {
  begun: 0,
  arrived: 0,
  finished: 0,
  served: 0,
  refused: 0,
  left: 0,
  moved: 0,
  cutRequests: 0,
}

test('an in-flight request at the start of the drain counts as finished when it is answered', async () => {
  const [response] = await ask(1)
  requests.start()
  expect(isOpen(response!)).toBe(true)
  expect(counts()).toEqual({ ...none, begun: 1 })
  await answer(response!)
  expect(counts()).toEqual({ ...none, begun: 1, finished: 1 })
  expect(isOpen(response!)).toBe(false)
})

test('a request that arrives during the drain counts as served or as refused', async () => {
  requests.start()
  const [first, second] = await ask(2)
  for (const each of [first!, second!]) requests.begin(each.req, each)
  expect(requests.on(socketOf(first!)).map((each) => [first!.req, second!.req].indexOf(each))).toEqual([0, 1])
  refused.add(second!.req)
  await answer(first!)
  await answer(second!)
  expect(counts()).toEqual({ ...none, arrived: 2, served: 1, refused: 1 })
})

test('pipelined requests that arrived before the drain count when they end', async () => {
  const [first, second, third] = await ask(3)
  requests.start()
  expect(counts()).toEqual({ ...none, begun: 1 })
  await answer(first!)
  await answer(second!)
  expect(counts()).toEqual({ ...none, begun: 2, finished: 2 })
  socketOf(third!).destroy()
  await turns()
  expect(counts()).toEqual({ ...none, begun: 3, finished: 2, cutRequests: 1 })
})

test('all requests of a client that closes its connection count as left', async () => {
  await ask(2)
  requests.start()
  client.stream.end()
  await turns()
  expect(counts()).toEqual({ ...none, begun: 2, left: 2 })
  expect(cut).toEqual([])
})

test('a connection closed by other code counts as cut, as does its request', async () => {
  const [response] = await ask(1)
  requests.start()
  socketOf(response!).destroy()
  await turns()
  expect(counts()).toEqual({ ...none, begun: 1, cutRequests: 1 })
  expect(cut).toEqual([
    [{ state: 'handling', method: 'GET', url: '/', age: 500, connectedFor: 700, by: 'application' }, false],
  ])
})

test('a client that half-closes its side while it waits for the answer has not left', async () => {
  Object.assign(served.server, { httpAllowHalfOpen: true })
  const [response] = await ask(1)
  requests.start()
  client.stream.end()
  await turns()
  socketOf(response!).destroy()
  await turns()
  expect(counts()).toEqual({ ...none, begun: 1, cutRequests: 1 })
})

test('a head being read when other code closes its connection counts as cut, without a request', async () => {
  await answer((await ask(1))[0]!)
  client.stream.write('GET / HT')
  await turns()
  requests.start()
  for (const socket of served.drain.connections.sockets.keys()) socket.destroy()
  await turns()
  expect(counts()).toEqual(none)
  expect(cut).toEqual([[{ state: 'reading', connectedFor: 700, by: 'application' }, false]])
})

test('the streams of a moved connection are not counted as ended here', async () => {
  const [response] = await ask(1)
  requests.start()
  closeMoved(socketOf(response!))
  await turns()
  expect(counts()).toEqual({ ...none, begun: 1, moved: 1 })
  expect(cut).toEqual([])
})

test('a request open at the deadline counts as cut once, however it then ends', async () => {
  const [response] = await ask(1)
  requests.start()
  requests.force(true)
  expect(counts()).toEqual({ ...none, begun: 1, cutRequests: 1 })
  await answer(response!)
  socketOf(response!)?.destroy()
  await turns()
  expect(counts()).toEqual({ ...none, begun: 1, cutRequests: 1 })
})

test('a request that arrives after the deadline counts as cut for the reason of the force', async () => {
  requests.start()
  requests.force(true)
  const [response] = await ask(1)
  requests.begin(response!.req, response!)
  socketOf(response!).destroy()
  await turns()
  expect(counts()).toEqual({ ...none, arrived: 1, cutRequests: 1 })
  expect(cut).toEqual([[expect.not.objectContaining({ by: 'application' }), true]])
})

describe('a response whose connection is destroyed in its end()', () => {
  function exchange(unsent: number) {
    const socket = Object.assign(new EventEmitter(), { destroyed: false, writableLength: unsent })
    const request = { socket } as unknown as IncomingMessage
    const response = new EventEmitter() as ServerResponse
    requests.begin(request, response)
    response.emit('prefinish')
    socket.destroyed = true
    requests.finish(request, response, socket as unknown as Socket)
  }

  test('counts as answered if all of it was sent', () => {
    exchange(0)
    expect(counts()).toEqual({ ...none, arrived: 1, served: 1 })
  })

  test('does not count as answered if part of it was unsent', () => {
    exchange(1)
    expect(counts()).toEqual({ ...none, arrived: 1 })
  })
})

test('a request that is not followed is not counted', async () => {
  requests.start()
  const [response] = await ask(1)
  await answer(response!)
  expect(counts()).toEqual(none)
})

test('a server that does not speak HTTP/1 is not followed', () => {
  const server = new EventEmitter()
  const other = new Http1Requests(
    { http: undefined, server, sockets: new Map([[new EventEmitter(), 0]]) } as unknown as Connections,
    new FakeSystem(),
    tally,
    () => ({ now: 0, began: () => 0 }),
  )
  other.start()
  expect(server.eventNames()).toEqual([])
})

test('dispose() removes every listener', async () => {
  const { server, drain } = served
  await ask(2)
  const sockets = [...drain.connections.sockets.keys()]
  const listeners = (): number[] => [
    server.listenerCount('connection'),
    ...sockets.flatMap((socket) => [socket.listenerCount('end'), socket.listenerCount('close')]),
  ]
  const before = listeners()
  requests.start()
  expect(listeners()).not.toEqual(before)
  requests.dispose()
  expect(listeners()).toEqual(before)
})
