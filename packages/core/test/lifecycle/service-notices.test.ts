import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import type { LifecycleOptions } from '../../src/options/options.ts'
import { FakeServiceManager, FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'
import { turn } from '../turns.ts'

const undo = undoAfterEach()

async function serve(
  handler: http.RequestListener = () => {},
  options: LifecycleOptions = {},
  address: { readonly path: string } | { readonly port: number } = { port: 0 },
): Promise<{
  system: FakeSystem
  manager: FakeServiceManager
  lifecycle: Lifecycle
  port: number
}> {
  const system = new FakeSystem()
  const manager = new FakeServiceManager()
  manager.watchdog = 1000
  system.serviceManager = manager
  const lifecycle = new Lifecycle(wire(system))
  lifecycle.configure({ drainTimeout: 60_000, ...options })
  const ready = once(lifecycle.events, 'ready')
  const server = http.createServer(handler).listen({ host: '127.0.0.1', ...address })
  undo.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await ready
  return { system, manager, lifecycle, port: (server.address() as AddressInfo).port }
}

test('a serving process notifies READY, and pings the watchdog at half of the limit', async () => {
  const { manager, port, system } = await serve()
  const ready = { READY: '1', STATUS: `generation 1 serves on tcp://127.0.0.1:${port}` }
  expect(manager.notices).toEqual([ready, { WATCHDOG: '1' }])
  system.advance(2000)
  expect(manager.notices.slice(2)).toEqual([{ WATCHDOG: '1' }, { WATCHDOG: '1' }])
})

test('a refused restart sends both reload notices, so that systemctl reload does not wait', async () => {
  const { lifecycle, manager } = await serve()
  for (let restarts = 0; restarts < 2; restarts++) {
    const told = manager.notices.length
    await expect(lifecycle.restart()).rejects.toMatchObject({ code: 'ERR_ZERODROP_NOTHING_TO_HAND_OVER' })
    const status = expect.stringContaining('ERR_ZERODROP_NOTHING_TO_HAND_OVER')
    expect(manager.notices.slice(told)).toEqual([
      {
        RELOADING: '1',
        MONOTONIC_USEC: expect.stringMatching(/^\d+$/),
        STATUS: expect.stringMatching(/, a restart is refused$/),
      },
      { READY: '1', STATUS: status },
    ])
  }
})

test.each([
  ['joins the current one', 'newest', /, generation 2 starts$/],
  ['is refused', 'reject', /, another restart is refused$/],
] as const)(
  'a restart signal that %s sends another reload notice, which systemd may be waiting for',
  async (_what, restartConcurrency, status) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.push(() => rmSync(folder, { recursive: true }))
    // Until it resolves, no process is spawned, and restarts are one deploy.
    const successorEnv = (): Promise<NodeJS.ProcessEnv> => new Promise(() => {})
    const { lifecycle, manager, system } = await serve(
      undefined,
      { restartConcurrency, successorEnv },
      { path: path.join(folder, 'app.sock') },
    )
    lifecycle.restart().catch(() => {})
    await turn()
    const told = manager.notices.length
    expect(manager.notices[told - 1]).toMatchObject({ RELOADING: '1' })
    system.deliver('SIGHUP')
    expect(manager.notices.slice(told)).toEqual([
      {
        RELOADING: '1',
        MONOTONIC_USEC: expect.stringMatching(/^\d+$/),
        STATUS: expect.stringMatching(status),
      },
    ])
    await lifecycle.shutdown()
  },
)

test('a drain asks for more time every five seconds for as long as it goes on', async () => {
  const requests: http.ServerResponse[] = []
  const { lifecycle, manager, port, system } = await serve((_request, response) => requests.push(response))
  const request = http.get({ port, host: '127.0.0.1', agent: false })
  while (requests.length === 0) await turn()
  manager.watchdog = undefined
  const told = manager.notices.length
  const ended = lifecycle.shutdown('SIGTERM')
  for (let step = 0; step < 2; step++) system.advance(5000)
  const extended = manager.notices.slice(told).filter(({ EXTEND_TIMEOUT_USEC }) => EXTEND_TIMEOUT_USEC)
  expect(extended).toEqual([
    { STOPPING: '1', STATUS: 'draining: SIGTERM', EXTEND_TIMEOUT_USEC: '15000000' },
    {
      STATUS: expect.stringMatching(/^draining: 1 connection .*1 in flight/),
      EXTEND_TIMEOUT_USEC: '15000000',
    },
    { STATUS: expect.stringMatching(/, 50 s left$/), EXTEND_TIMEOUT_USEC: '15000000' },
  ])
  requests[0]?.end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.resume()
  await once(response, 'end')
  system.advance(60_000)
  await ended
  // Any work that continues belongs to the application, and systemd's own limit applies.
  system.advance(5000)
  const asked = manager.notices.length
  system.advance(60_000)
  expect(manager.notices).toHaveLength(asked)
})

test('a notice that cannot be sent is a warning', async () => {
  const { manager, lifecycle } = await serve()
  const warned = jest.fn()
  lifecycle.events.on('warning', warned)
  manager.fail('spawn systemd-notify ENOENT')
  expect(warned.mock.calls).toMatchObject([[{ error: { code: 'ERR_ZERODROP_NOTIFY_FAILED' } }]])
})

test.each([
  [5000, undefined, 'A stop may take 10000 ms'],
  [10_000, undefined, undefined],
  [0, 0, undefined],
  [5000, Infinity, 'A stop may take any time'],
])(
  'if the platform kills after %i ms, with the drainTimeout %s, the warning is %j',
  async (milliseconds, drainTimeout, said) => {
    const system = new FakeSystem()
    system.grace = { milliseconds, origin: 'the test' }
    const lifecycle = new Lifecycle(wire(system))
    const warned = jest.fn()
    lifecycle.events.on('warning', warned)
    lifecycle.configure(drainTimeout === undefined ? {} : { drainTimeout })
    const ready = once(lifecycle.events, 'ready')
    const server = http.createServer().listen(0, '127.0.0.1')
    undo.push(() => server.close())
    await ready
    await turn()
    expect(warned).toHaveBeenCalledTimes(said === undefined ? 0 : 1)
    expect(system.errors.join()).toContain(said === undefined ? '' : `ERR_ZERODROP_GRACE_PERIOD: ${said}`)
  },
)
