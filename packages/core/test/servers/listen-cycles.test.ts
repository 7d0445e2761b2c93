import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'
import { turn } from '../turns.ts'

const undo = undoAfterEach()
beforeEach(() => {
  new Lifecycle(wire(new FakeSystem())).configure()
})

const listenersOf = (server: net.Server) =>
  Object.fromEntries(server.eventNames().map((name) => [name, server.listenerCount(name)]))

const portOf = (server: net.Server) => (server.address() as net.AddressInfo).port

async function listen(server: net.Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}

/** One request, or its equivalent for these servers. */
async function use(server: net.Server): Promise<void> {
  const client = net.connect(portOf(server), '127.0.0.1')
  client.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await once(client.resume(), 'close')
}

async function close(server: net.Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  await closed
}

describe.each<[string, () => net.Server]>([
  ['http', () => http.createServer((_request, response) => response.end()).on('upgrade', () => {})],
  ['http2', () => http2.createServer()],
  [
    'net',
    () =>
      net.createServer((socket) =>
        socket
          .on('error', () => {})
          .resume()
          .end(),
      ),
  ],
])('a server of node:%s', (_kind, create) => {
  test.each([
    ['used', use],
    ['not used', async () => {}],
  ])('that listens, is %s and closes has as many listeners as before, however often', async (_what, act) => {
    const warned = jest.fn()
    process.on('warning', warned)
    undo.push(() => process.off('warning', warned))
    const server = create()
    const before = listenersOf(server)
    for (let cycle = 0; cycle < 12; cycle += 1) {
      await listen(server)
      await act(server)
      await close(server)
    }
    expect(listenersOf(server)).toEqual(before)
    expect(Object.hasOwn(server, 'close')).toBe(false)
    await turn()
    expect(warned).not.toHaveBeenCalled()
  })

  test('without connections frees its address in close()', async () => {
    const first = create()
    await listen(first)
    const port = portOf(first)
    const events: string[] = []
    first.on('close', () => events.push('close'))
    first.close(() => events.push('callback'))
    const second = net.createServer()
    second.listen(port, '127.0.0.1')
    await once(second, 'listening')
    undo.push(() => second.close())
    expect(events).toEqual(['close', 'callback'])
  })

  test('can listen again in the same turn in which it closes', async () => {
    const server = create()
    undo.push(() => server.close())
    await listen(server)
    server.close()
    await listen(server)
    await use(server)
    expect(Object.hasOwn(server, 'close')).toBe(true)
  })
})

test('keeps a wrapper of close() that was installed in between', async () => {
  const server = http.createServer((_request, response) => response.end())
  await listen(server)
  const own = Reflect.get(server, 'close')
  const wrapper = function (this: http.Server, ...args: []): http.Server {
    return Reflect.apply(own, this, args)
  }
  server.close = wrapper
  for (let cycle = 0; cycle < 3; cycle += 1) {
    await use(server)
    await close(server)
    expect(Reflect.get(server, 'close')).toBe(wrapper)
    await listen(server)
  }
  await close(server)
})
