import { once } from 'node:events'
import net from 'node:net'
import { Connections } from '../../src/connections/connections.ts'
import { acceptQueued, acceptQueueOf } from '../../src/drain/accept-queued.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0)) each()
})

async function listen() {
  const server = net.createServer()
  const connections = new Connections(server, () => 0)
  server.listen({ port: 0, host: '127.0.0.1' })
  undo.push(() => server.close())
  await once(server, 'listening')
  return { server, connections, port: (server.address() as net.AddressInfo).port }
}

/** Connects clients, and resolves in the turn in which they are connected: the server has not accepted most of them. */
async function connect(port: number, count: number) {
  const clients = Array.from({ length: count }, () => net.connect(port, '127.0.0.1'))
  for (const client of clients) {
    client.on('error', () => {})
    undo.push(() => client.destroy())
  }
  await Promise.all(clients.map((client) => once(client, 'connect')))
  return clients
}

/** The number of clients that were reset, once all have ended. */
async function resets(clients: net.Socket[]): Promise<number> {
  const ends = await Promise.all(
    clients.map(
      (client) =>
        new Promise<number>((resolve) => {
          client
            .on('error', () => resolve(1))
            .on('end', () => resolve(0))
            .resume()
        }),
    ),
  )
  return ends.reduce((sum, end) => sum + end)
}

async function rejection(port: number): Promise<string | undefined> {
  const [error] = (await once(net.connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException]
  return error.code
}

test('accepts every queued connection, and passes them to the server once the socket is closed', async () => {
  const { server, connections, port } = await listen()
  const accepted: net.Socket[] = []
  server.on('connection', (socket) => accepted.push(socket))
  const clients = await connect(port, 50)
  const early = accepted.length
  const queued = acceptQueued(acceptQueueOf(connections), new FakeSystem(), () => false)
  while (accepted.length === early) await turn()
  expect(early).toBeLessThan(50)
  expect(accepted.length).toBe(50)
  await expect(queued).resolves.toBe(0)
  await expect(rejection(port)).resolves.toBe('ECONNREFUSED')
  server.close()
  for (const socket of accepted) socket.end()
  await expect(resets(clients)).resolves.toBe(0)
})

test('returns the number of connections that the kernel resets if the drain is forced', async () => {
  const { server, connections, port } = await listen()
  const accepted: net.Socket[] = []
  server.on('connection', (socket) => accepted.push(socket.resume()))
  const clients = await connect(port, 50)
  const reset = await acceptQueued(acceptQueueOf(connections), new FakeSystem(), () => true)
  server.close()
  for (const socket of accepted) socket.end()
  expect(reset).toBeGreaterThan(0)
  expect(accepted).toHaveLength(50 - reset)
  await expect(resets(clients)).resolves.toBe(reset)
})

const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('where the kernel tells the length of the queue', () => {
  test('accepts a connection that arrives during a slow turn that found the queue empty', async () => {
    const { server, connections, port } = await listen()
    server.on('connection', (socket) => socket.end())
    const system = new FakeSystem()
    const setImmediate = system.setImmediate.bind(system)
    const clients: net.Socket[] = []
    system.setImmediate = (callback) =>
      setImmediate(() => {
        system.advance(2)
        // By now a turn of two milliseconds counts as a short one.
        if (system.now() === 218) clients.push(net.connect(port, '127.0.0.1').on('error', () => {}))
        // Node connects in the next tick, and loopback completes the handshake at once.
        process.nextTick(callback)
      })
    await expect(acceptQueued(acceptQueueOf(connections), system, () => false)).resolves.toBe(0)
    server.close()
    expect(clients).toHaveLength(1)
    await expect(resets(clients)).resolves.toBe(0)
  })
})

test('gives up if every turn accepts a connection for two seconds', async () => {
  const { server, connections, port } = await listen()
  server.on('connection', (socket) => socket.resume())
  const system = new FakeSystem()
  const setImmediate = system.setImmediate.bind(system)
  system.setImmediate = (callback) => {
    system.advance(100)
    return setImmediate(callback)
  }
  await connect(port, 100)
  await expect(acceptQueued(acceptQueueOf(connections), system, () => false)).resolves.toBeGreaterThan(0)
  expect(system.now()).toBe(2100)
  server.close()
})

/** A system whose event loop ticks are short, but not so short that the kernel is not asked. */
function slowTurns(): FakeSystem {
  const system = new FakeSystem()
  const setImmediate = system.setImmediate.bind(system)
  system.setImmediate = (callback) => {
    system.advance(0.05)
    return setImmediate(callback)
  }
  return system
}

test('does not ask the kernel after a tick that did nothing: more could arrive meanwhile', async () => {
  const looks = jest.fn()
  const queue = {
    get fd() {
      looks()
      return undefined
    },
    accepted: 0,
    isOpen: true,
    close() {},
  }
  await expect(acceptQueued(queue, new FakeSystem(), () => false)).resolves.toBe(0)
  expect(looks).not.toHaveBeenCalled()
})

test('looks again if another process has run since the kernel told the length of the queue', async () => {
  const system = slowTurns()
  const looks: number[] = []
  const closed = jest.fn()
  const queue = {
    get fd() {
      // The first look takes five milliseconds, the second one almost none.
      if (looks.push(system.now()) === 1) system.advance(5)
      return undefined
    },
    accepted: 0,
    isOpen: true,
    close: closed,
  }
  await expect(acceptQueued(queue, system, () => false)).resolves.toBe(0)
  expect(looks).toHaveLength(2)
  expect(closed).toHaveBeenCalledTimes(1)
})

/** A queue that yields a connection at each of these times, in milliseconds, and its state. */
async function closedAfter(times: number[], quietFor: number): Promise<number> {
  const system = new FakeSystem()
  let accepted = 0
  let closed = -1
  const queue = {
    fd: undefined,
    get accepted() {
      return accepted
    },
    isOpen: true,
    close() {
      closed = system.now()
    },
  }
  void acceptQueued(queue, system, () => false, quietFor)
  while (closed < 0) {
    for (; (times[0] ?? Infinity) <= system.now(); times.shift()) accepted++
    system.advance(0.05)
    await turn()
  }
  return closed
}

test('closes after the queue was empty for the quiet time, or after ten times as long if it never was', async () => {
  expect(await closedAfter([5], 0)).toBeLessThan(1)
  expect(await closedAfter([5], 20)).toBeCloseTo(25, 0)
  const endless = Array.from({ length: 1000 }, (_, index) => index * 5)
  const closed = await closedAfter(endless, 20)
  expect(closed).toBeGreaterThan(200)
  expect(closed).toBeLessThan(210)
})

test('passes accepted connections to the server even if the application closes it in the meantime', async () => {
  const { server, connections, port } = await listen()
  let accepted = 0
  server.on('connection', (socket) => {
    accepted++
    socket.destroy()
  })
  await connect(port, 50)
  const early = accepted
  const queue = acceptQueueOf(connections)
  const queued = acceptQueued(queue, new FakeSystem(), () => false)
  while (queue.accepted < 5) await turn()
  expect(accepted).toBe(early)
  // Not the server's own method: a lifecycle left behind in this worker by another file would drain the server.
  net.Server.prototype.close.call(server)
  await queued
  expect(accepted).toBeGreaterThanOrEqual(early + 5)
  expect(accepted).toBeLessThan(50)
})

test('an error thrown by a connection listener is uncaught, and the server still gets the other connections', async () => {
  const { server, connections, port } = await listen()
  const thrown: unknown[] = []
  const original = globalThis.queueMicrotask
  globalThis.queueMicrotask = (callback) => {
    try {
      callback()
    } catch (error) {
      thrown.push(error)
    }
  }
  undo.push(() => {
    globalThis.queueMicrotask = original
  })
  await connect(port, 20)
  let count = 0
  server.on('connection', (socket) => {
    socket.destroy()
    count++
    throw new Error('broken on purpose')
  })
  await acceptQueued(acceptQueueOf(connections), new FakeSystem(), () => false)
  server.close()
  expect(thrown).toHaveLength(count)
  expect(count).toBeGreaterThan(10)
})
