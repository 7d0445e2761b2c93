import channels from 'node:diagnostics_channel'
import dgram from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import net from 'node:net'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { Openings } from '../../src/listeners/openings.ts'
import { FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'
import { turn, turns } from '../turns.ts'

const undo = undoAfterEach()

const handled = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2']

/** @returns the names of the signals that are handled, once no attempt to listen is left */
async function atRest(system: FakeSystem): Promise<unknown[]> {
  await turns(4)
  return system.signals
}

function configured(conditions: Partial<FakeSystem> = {}) {
  const system = Object.assign(new FakeSystem(), conditions)
  // Subscribed before the lifecycle, and so called before it knows that the server listens.
  const seen: unknown[] = []
  channels.subscribe('tracing:net.server.listen:asyncEnd', () => seen.push([...system.signals]))
  const lifecycle = new Lifecycle(wire(system))
  lifecycle.configure()
  const server = net.createServer()
  undo.push(() => server.close())
  return { system, lifecycle, server, seen }
}

/** A name server that answers on the test's command. */
function slowLookup(): { answer: (error: Error | null) => void } {
  const lookup: { answer: (error: Error | null) => void } = { answer: () => {} }
  jest.spyOn(dns, 'lookup').mockImplementation(((_host: string, ...rest: unknown[]) => {
    const callback = rest.at(-1) as (error: Error | null, ...found: unknown[]) => void
    lookup.answer = (error) =>
      // Newer versions of Node request all addresses.
      callback(error, rest.length > 1 ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4)
  }) as never)
  return lookup
}

describe('signals are handled before the port accepts connections', () => {
  test.each<[how: string, options: net.ListenOptions]>([
    ['everywhere', { port: 0 }],
    ['on an address', { port: 0, host: '127.0.0.1' }],
    ['on a host', { port: 0, host: 'localhost' }],
    ['on a port in a frozen object', Object.freeze({ port: 0 })],
  ])('by a server that listens %s', async (_how, options) => {
    const { lifecycle, server, seen, system } = configured()
    expect(system.signals).toEqual([])
    server.listen(options)
    await once(server, 'listening')
    expect(seen).toEqual([expect.arrayContaining(handled)])
    expect(lifecycle.state).toBe('serving')
    server.close()
    await once(server, 'close')
    expect([lifecycle.state, system.signals]).toEqual(['starting', []])
  })

  test('by a UDP socket', async () => {
    const taken = dgram.createSocket('udp4')
    taken.bind(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address()
    const { lifecycle, system } = configured()
    const socket = dgram.createSocket('udp4')
    socket.bind(port, '127.0.0.1')
    await once(socket, 'error')
    expect(system.signals).not.toEqual([])
    await expect(atRest(system)).resolves.toEqual([])
    taken.close()
    await once(taken, 'close')
    socket.bind(port, '127.0.0.1')
    await once(socket, 'listening')
    expect([lifecycle.state, system.signals.length]).toEqual(['serving', 4])
    socket.close()
    await once(socket, 'close')
    expect(system.signals).toEqual([])
  })
})

describe('no signal handler stays', () => {
  test.each<[what: string, options: object]>([
    ['a port that is none', { port: 70_000 }],
    ['a port that is none, on a host', { port: 70_000, host: 'localhost' }],
    ['a port in words', { port: 'http', host: 'localhost' }],
    ['nothing', {}],
    ['a signal that is none', { port: 0, host: 'localhost', signal: 'stop' }],
    ['a host that is none', { port: 0, host: 1 }],
  ])('if listen() throws because of %s', async (_what, options) => {
    for (const incapacity of [undefined, 'cluster-worker'] as const) {
      const { server, system } = configured({ incapacity })
      expect(() => server.listen(options)).toThrow(/must (be|have)|should be|is invalid/)
      await expect(atRest(system)).resolves.toEqual([])
    }
  })

  test.each([{}, { host: '127.0.0.1' }, { host: 'localhost', exclusive: true }])(
    'where the address is in use: %j',
    async (where) => {
      const taken = net.createServer()
      taken.listen({ port: 0, ...where })
      await once(taken, 'listening')
      undo.push(() => taken.close())
      const { port } = taken.address() as net.AddressInfo
      const { server, system } = configured()
      server.listen({ port, ...where })
      await expect(once(server, 'listening')).rejects.toMatchObject({ code: 'EADDRINUSE' })
      // A signal that the kernel delivered in the meantime is still on its way to the handlers.
      expect(system.signals).not.toEqual([])
      await expect(atRest(system)).resolves.toEqual([])
      expect([server.eventNames(), server.listening]).toEqual([[], false])
    },
  )

  test.each(['has no address', 'is given up by close()', 'is ignored', 'is aborted'])(
    'where a server whose host is looked up %s',
    async (end) => {
      const { lifecycle, server, system } = configured()
      const lookup = slowLookup()
      const controller = new AbortController()
      const { signal } = controller
      server.listen({ port: 0, host: 'app.test', ...(end === 'is aborted' && { signal }) })
      await turn()
      expect(system.signals).toHaveLength(4)
      if (end === 'is given up by close()') server.close()
      else if (end === 'is ignored') lifecycle.ignore(server)
      else if (end === 'is aborted') controller.abort()
      else {
        server.once('error', () => {})
        lookup.answer(new Error('unknown'))
      }
      await expect(atRest(system)).resolves.toEqual([])
    },
  )

  test.each(['succeed', 'fail'] as const)('on the server, if its attempts to listen %s', (end) => {
    const openings = new Openings(new FakeSystem())
    const server = net.createServer()
    for (let attempt = 0; attempt < 2; attempt++) openings.listen(server, { port: 0, host: 'app.test' })
    expect([server.eventNames().length, server.listenerCount('close')]).toEqual([2, 1])
    openings[end](server)
    expect(server.eventNames()).toEqual([])
  })

  test('and an error that the application does not handle is still thrown', async () => {
    const { server } = configured()
    const lookup = slowLookup()
    server.listen({ port: 0, host: 'app.test' })
    expect(() => lookup.answer(new Error('unknown'))).toThrow('unknown')
  })

  test('except if another attempt follows a failed one at once', async () => {
    const { server, system } = configured()
    const lookup = slowLookup()
    server.listen({ port: 0, host: 'one.test' })
    server.once('error', () => server.listen({ port: 0, host: 'two.test' }))
    lookup.answer(new Error('unknown'))
    await expect(atRest(system)).resolves.toHaveLength(4)
    lookup.answer(null)
    await once(server, 'listening')
    expect(system.signals).toHaveLength(4)
  })
})

describe('while the host is looked up', () => {
  test('SIGTERM stops the process', async () => {
    const { lifecycle, server, system } = configured()
    slowLookup()
    server.listen({ port: 0, host: 'app.test' })
    system.deliver('SIGTERM')
    while (system.exits.length === 0) await turn()
    expect([system.exits, lifecycle.state]).toEqual([[0], 'closed'])
  })

  test('SIGHUP is declined because nothing is served yet', async () => {
    const { lifecycle, server, system } = configured()
    const failed = jest.fn()
    lifecycle.events.on('restart:failed', failed)
    const lookup = slowLookup()
    server.listen({ port: 0, host: 'app.test' })
    system.deliver('SIGHUP')
    await turn()
    expect(failed.mock.calls).toMatchObject([[{ error: { code: 'ERR_ZERODROP_NOT_SERVING' } }]])
    lookup.answer(null)
    await once(server, 'listening')
    expect([lifecycle.state, system.exits]).toEqual(['serving', []])
  })
})
