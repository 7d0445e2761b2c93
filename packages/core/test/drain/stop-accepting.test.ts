import { once } from 'node:events'
import net from 'node:net'
import { Connections } from '../../src/connections/connections.ts'
import { closeListener, stopAccepting } from '../../src/drain/stop-accepting.ts'
import type { Keeper } from '../../src/system/system.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn, turns } from '../turns.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const each of undo.splice(0)) each()
})

async function listen() {
  const server = net.createServer()
  const accepted: net.Socket[] = []
  server.on('connection', (socket) => {
    accepted.push(socket)
    undo.push(() => socket.destroy())
  })
  const connections = new Connections(server, () => 0)
  server.listen({ port: 0, host: '127.0.0.1' })
  undo.push(() => closeListener(server))
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const connect = async (): Promise<void> => {
    const client = net.connect(port, '127.0.0.1').on('error', () => {})
    undo.push(() => client.destroy())
    await once(client, 'connect')
  }
  return { server, accepted, connections, port, connect }
}

/** A worker of node:cluster with round-robin: the handle of its server has no descriptor. */
function work(): { server: net.Server; connections: Connections; closed: () => number } {
  const server = net.createServer()
  let closes = 0
  Reflect.set(server, '_handle', { onconnection: () => {}, close: () => closes++ })
  return { server, connections: new Connections(server, () => 0), closed: () => closes }
}

const never = (): boolean => false

/** Advances the clock until the promise settles; returns the time that passed. Long event loop turns would prove nothing. */
async function passing(system: FakeSystem, ended: Promise<unknown>): Promise<number> {
  const begun = system.now()
  let over: number | undefined
  void ended.then(() => {
    over ??= system.now() - begun
  })
  while (over === undefined) {
    await turn()
    if (system.now() - begun > 10_000) throw new Error('it has not ended')
    if (over === undefined) system.advance(0.1)
  }
  return over
}

test('accepts the queued connections, and stops listening', async () => {
  const { server, accepted, connections, connect } = await listen()
  await Promise.all([connect(), connect(), connect()])
  const stopped = await stopAccepting(connections, new FakeSystem(), never)
  expect([stopped.reset, accepted.length, server.listening]).toEqual([0, 3, false])
})

test.each([
  ['with a connection accepted on the way', 1, true],
  ['without one', 0, false],
])('reports whether connections were accepted in the meantime: %s', async (_what, count, acceptedMore) => {
  const { connections } = await listen()
  const system = new FakeSystem()
  const setImmediate = system.setImmediate.bind(system)
  system.setImmediate = (callback) => {
    connections.accepted += count
    return setImmediate(callback)
  }
  await expect(stopAccepting(connections, system, never)).resolves.toEqual({ reset: 0, acceptedMore })
})

test('listens until the keeper has released the address', async () => {
  const { server, connections, port } = await listen()
  const system = new FakeSystem()
  const asked: string[] = []
  let letGo = (): void => {}
  system.keeper = {
    letGo: (address: string) => {
      asked.push(address)
      return new Promise<void>((resolve) => {
        letGo = resolve
      })
    },
  } as unknown as Keeper
  const stopped = stopAccepting(connections, system, never)
  await turns(20)
  expect([asked, server.listening]).toEqual([[`tcp://127.0.0.1:${port}`], true])
  letGo()
  await stopped
  expect(server.listening).toBe(false)
})

describe('in a worker of node:cluster', () => {
  const system = (workerId: number): FakeSystem => {
    const each = new FakeSystem({ incapacity: 'cluster-worker' })
    each.cluster.workerId = workerId
    return each
  }

  test.each([
    [1, 200],
    [2, 300],
    [8, 100],
  ])('in worker %i the shared accept queue must stay empty for %i ms', async (id, time) => {
    const { server, connections } = await listen()
    const each = system(id)
    const ended = stopAccepting(connections, each, never)
    // The worker first waits 100 ms for its primary.
    const passed = await passing(each, ended)
    expect(passed).toBeGreaterThanOrEqual(100 + time)
    expect(passed).toBeLessThan(100 + time + 5)
    expect(server.listening).toBe(false)
  })

  test('connections on their way from the primary are declined before the wait ends', async () => {
    const { server, connections, closed } = work()
    const each = system(1)
    const ended = stopAccepting(connections, each, never)
    const passed = await passing(each, ended)
    // The silence of the primary, plus the time for its last connection.
    expect(passed).toBeGreaterThanOrEqual(120)
    expect(passed).toBeLessThan(125)
    expect([closed(), server.listening]).toEqual([1, false])
    await expect(ended).resolves.toEqual({ reset: 0, acceptedMore: false })
  })

  test('connections from the primary are accepted until the primary is silent', async () => {
    const { connections } = work()
    const each = system(1)
    const ended = stopAccepting(connections, each, never)
    connections.accepted++
    expect(await passing(each, ended)).toBeGreaterThanOrEqual(220)
    await expect(ended).resolves.toEqual({ reset: 0, acceptedMore: true })
  })
})

describe('closeListener()', () => {
  test('closes the listening socket and leaves connections open', async () => {
    const { server, accepted, connect } = await listen()
    await connect()
    while (accepted.length === 0) await turn()
    closeListener(server)
    expect([server.listening, accepted[0]!.destroyed]).toEqual([false, false])
  })

  test('does not call close() of the server, which may do more', async () => {
    const { server } = await listen()
    const close = jest.spyOn(server, 'close')
    closeListener(server)
    closeListener(server)
    expect([server.listening, close.mock.calls.length]).toEqual([false, 0])
  })

  test('does nothing for a server that does not listen', async () => {
    const server = net.createServer()
    const heard = jest.fn()
    server.on('close', heard).on('error', heard)
    closeListener(server)
    await turn()
    expect(heard).not.toHaveBeenCalled()
  })
})
