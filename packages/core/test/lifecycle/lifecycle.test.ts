import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Adapter } from '../../src/lifecycle/adapter.ts'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'
import { turn } from '../turns.ts'

const undo = undoAfterEach()

function createAdapter(): Adapter {
  const parts = wire(new FakeSystem())
  return new Adapter(parts, new Lifecycle(parts))
}

/** A server on a path, which a successor can inherit, unlike port 0. */
async function serve(where: 'path' | 'port 0' = 'path'): Promise<http.Server> {
  const server = http.createServer((_request, response) => response.end('here'))
  undo.push(() => server.close())
  if (where === 'path') {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.push(() => rmSync(folder, { recursive: true }))
    server.listen(path.join(folder, 'app.sock'))
  } else server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Closes a server whose drain waits for the clock of a fake system. */
async function close(server: http.Server, system: FakeSystem): Promise<void> {
  let closed = false
  server.close(() => {
    closed = true
  })
  while (!closed) {
    system.advance(1000)
    await turn()
  }
}

async function answers(server: http.Server): Promise<boolean> {
  const address = server.address()
  const where = typeof address === 'string' ? { socketPath: address } : { port: address?.port }
  const request = http.get({ ...where, host: '127.0.0.1', agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.resume()
  return response.statusCode === 200
}

describe('an impossible restart fails with a reason, and the process keeps serving', () => {
  test.each([
    ['platform', 'ERR_ZERODROP_PLATFORM_UNSUPPORTED', /^This platform cannot .* Stop and start the process/],
    [
      'cluster-worker',
      'ERR_ZERODROP_CLUSTER_WORKER',
      /^A cluster worker has .* Restart the primary, or fork/,
    ],
    [
      'worker-thread',
      'ERR_ZERODROP_WORKER_THREAD',
      /^A worker thread cannot .* Call restart\(\) in the main/,
    ],
    ['pm2', 'ERR_ZERODROP_SUPERVISED', /^pm2 watches this process, .* Use "pm2 restart"/],
    ['watcher', 'ERR_ZERODROP_SUPERVISED', /^"node --watch" runs this process, .* Change a file/],
    ['nodemon', 'ERR_ZERODROP_SUPERVISED', /^nodemon runs this process, .* Change a file/],
  ] as const)('%s', async (incapacity, code, text) => {
    const system = new FakeSystem({ incapacity })
    const lifecycle = new Lifecycle(wire(system))
    const failed = jest.fn()
    lifecycle.events.on('restart:failed', failed)
    lifecycle.configure()
    const server = await serve()
    const error: unknown = await lifecycle.restart().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code, message: expect.stringMatching(text) })
    expect(failed.mock.calls).toEqual([[{ error }]])
    expect(system.errors).toEqual([
      `[zerodrop] pid 4242: restart failed: ${code}: ${(error as Error).message}`,
    ])
    expect([lifecycle.state, lifecycle.health().ready, await answers(server)]).toEqual([
      'serving',
      true,
      true,
    ])
    expect([system.spawned, system.exits]).toEqual([[], []])
    // Signals reach the main thread only.
    expect(system.signals.length).toBe(incapacity === 'worker-thread' ? 0 : 4)
    await close(server, system)
  })

  test('by signal: it is only reported', async () => {
    const system = new FakeSystem({ incapacity: 'platform' })
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure()
    await serve()
    const failed = once(lifecycle.events, 'restart:failed')
    system.deliver('SIGUSR2')
    await failed
    expect(system.errors).toEqual([expect.stringContaining('ERR_ZERODROP_PLATFORM_UNSUPPORTED')])
    expect([lifecycle.state, system.exits]).toEqual(['serving', []])
  })

  test('before anything listens', async () => {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    lifecycle.configure()
    await expect(lifecycle.restart()).rejects.toMatchObject({
      code: 'ERR_ZERODROP_NOT_SERVING',
      message: expect.stringContaining('it is "starting". Call restart() once a server listens'),
    })
    expect(lifecycle.state).toBe('starting')
  })

  test('after a shutdown', async () => {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    lifecycle.configure()
    await lifecycle.shutdown()
    await expect(lifecycle.restart()).rejects.toMatchObject({ code: 'ERR_ZERODROP_NOT_SERVING' })
    expect(lifecycle.state).toBe('closed')
  })

  test('with servers of port 0 only', async () => {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    lifecycle.configure()
    await serve('port 0')
    await expect(lifecycle.restart()).rejects.toMatchObject({
      code: 'ERR_ZERODROP_NOTHING_TO_HAND_OVER',
      message: expect.stringContaining('Listen on a port other than 0'),
    })
    expect(lifecycle.state).toBe('serving')
  })
})

describe('a successor that fails changes nothing', () => {
  async function restarting() {
    const system = new FakeSystem()
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure({ readyTimeout: 3000 })
    const server = await serve()
    return { system, lifecycle, server }
  }

  test('whether it exits, is late or cannot be started; the next attempt starts afresh', async () => {
    const { system, lifecycle, server } = await restarting()
    const errors: unknown[] = []
    const attempt = async (act: () => void): Promise<void> => {
      const restart = lifecycle.restart()
      expect(lifecycle.restart()).toBe(restart)
      const caught = restart.catch((error: unknown) => errors.push(error))
      await turn()
      act()
      await caught
      expect([lifecycle.state, await answers(server)]).toEqual(['serving', true])
    }
    await attempt(() => system.child.exits(1))
    await attempt(() => system.advance(3000))
    expect(system.child.kills).toEqual(['SIGKILL'])
    system.child.exits(null, 'SIGKILL')
    system.spawnsNothing = true
    await attempt(() => system.child.emit('error', new Error('EAGAIN')))
    system.spawnError = new Error('EMFILE')
    await attempt(() => {})
    const codes = ['SUCCESSOR_EXITED', 'READY_TIMEOUT', 'SPAWN_FAILED', 'SPAWN_FAILED']
    expect(errors).toEqual(codes.map((code) => expect.objectContaining({ code: `ERR_ZERODROP_${code}` })))
    expect(system.errors).toEqual(
      codes.flatMap((code) => [
        expect.stringContaining('asked to restart again: the restart to generation 2 serves for both'),
        expect.stringContaining(`restart failed: ERR_ZERODROP_${code}`),
      ]),
    )
    expect([system.exits, system.timers]).toEqual([[], 0])
  })

  test('a shutdown ends the attempt and stops the process', async () => {
    const { system, lifecycle } = await restarting()
    const restart = lifecycle.restart().catch((error: unknown) => error)
    const stopped = lifecycle.shutdown()
    await expect(restart).resolves.toMatchObject({ code: 'ERR_ZERODROP_RESTART_ABORTED' })
    await expect(stopped).resolves.toMatchObject({ cut: [] })
    expect([lifecycle.state, system.child.kills]).toEqual(['closed', ['SIGKILL']])
  })
})

describe('a function "successorEnv" that never finishes', () => {
  async function waiting() {
    const system = new FakeSystem()
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure({ readyTimeout: 3000, successorEnv: () => new Promise(() => {}) })
    await serve()
    const failed: Promise<unknown> = lifecycle.restart().catch((error: unknown) => error)
    return { system, lifecycle, failed }
  }

  test('fails its restart on time, and the next restart is a new attempt', async () => {
    const { system, lifecycle, failed } = await waiting()
    for (const error of [failed, lifecycle.restart().catch((reason: unknown) => reason)]) {
      system.advance(3000)
      await expect(error).resolves.toMatchObject({ code: 'ERR_ZERODROP_READY_TIMEOUT' })
      expect([lifecycle.state, system.timers]).toEqual(['serving', 0])
    }
    const next = lifecycle.restart().catch((reason: unknown) => reason)
    expect(lifecycle.state).toBe('restarting')
    system.advance(3000)
    await next
    expect(system.spawned).toEqual([])
  })

  test('is abandoned at a shutdown', async () => {
    const { system, lifecycle, failed } = await waiting()
    await lifecycle.shutdown()
    await expect(failed).resolves.toMatchObject({ code: 'ERR_ZERODROP_RESTART_ABORTED' })
    expect(system.errors).toEqual([expect.stringContaining('ERR_ZERODROP_RESTART_ABORTED')])
  })

  test('counts towards readyTimeout if it finishes after all', async () => {
    const system = new FakeSystem()
    const lifecycle = new Lifecycle(wire(system))
    let go = (_environment: NodeJS.ProcessEnv): void => {}
    const environment = new Promise<NodeJS.ProcessEnv>((resolve) => (go = resolve))
    lifecycle.configure({ readyTimeout: 3000, successorEnv: () => environment })
    await serve()
    const failed = lifecycle.restart().catch((error: unknown) => error)
    system.advance(2000)
    go({})
    await turn()
    system.advance(1000)
    await expect(failed).resolves.toMatchObject({ code: 'ERR_ZERODROP_READY_TIMEOUT' })
    expect(system.spawned.length).toBe(1)
  })
})

describe('hooks that do not keep the event loop alive', () => {
  test.each([
    ['onDrain', () => {}],
    ['onShutdown', () => {}],
    ['onShutdown', () => Promise.reject(new Error('broken'))],
  ] as const)('the process waits for %s anyway, and no longer than that', async (kind, end) => {
    const system = new FakeSystem()
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure()
    let finish = (): void => {}
    const begun = new Promise<void>((begin) => {
      const hook = (): Promise<void> => {
        begin()
        return new Promise<void>((resolve) => (finish = resolve)).then(end)
      }
      lifecycle[kind]('queue', hook, { timeout: Infinity })
    })
    const stopped = lifecycle.shutdown()
    await begun
    await turn()
    expect(system.held).toBe(1)
    finish()
    await stopped
    expect(system.held).toBe(0)
  })

  test('a second signal ends the wait', async () => {
    const system = new FakeSystem()
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure()
    await serve()
    const begun = new Promise<void>((resolve) => {
      lifecycle.beforeExit('log', () => new Promise(() => resolve()), { timeout: Infinity })
    })
    system.deliver('SIGTERM')
    await begun
    expect(system.held).toBe(1)
    system.advance(500)
    await turn()
    system.deliver('SIGTERM')
    expect(system.exits).toEqual([143])
    expect(system.errors.at(-1)).toMatch(
      /a signal ended the wait for the beforeExit hook "log", which had not/,
    )
  })
})

describe('an onReady() hook added after the process is ready', () => {
  async function ready() {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    lifecycle.configure()
    const told = once(lifecycle.events, 'ready')
    await serve()
    await told
    return lifecycle
  }
  test('runs once, on its own event loop turn', async () => {
    const lifecycle = await ready()
    const hook = jest.fn()
    lifecycle.onReady('late', hook)
    expect(hook).not.toHaveBeenCalled()
    await turn()
    await turn()
    expect(hook.mock.calls).toEqual([[{ generation: 1 }]])
  })

  test('does not run if it was removed or the process is stopping', async () => {
    const lifecycle = await ready()
    const hook = jest.fn()
    lifecycle.onReady('taken back', hook)()
    const stopped = lifecycle.shutdown()
    lifecycle.onReady('too late', hook)
    await turn()
    await stopped
    expect(hook).not.toHaveBeenCalled()
  })
})

describe('the environment that this process was started with', () => {
  test('invalid values throw at each call of zerodrop, not on import', () => {
    const lifecycle = new Lifecycle(wire(new FakeSystem({ inheritVariable: '{"version":1}' })))
    const invalid = expect.objectContaining({ code: 'ERR_ZERODROP_INHERIT_INVALID' })
    expect(() => lifecycle.configure()).toThrow(invalid)
    expect(() => lifecycle.configure({ drainTimeout: 1 })).toThrow(invalid)
    expect(() => lifecycle.attach(http.createServer())).toThrow(invalid)
    expect(lifecycle.generation).toBe(1)
  })
})

describe('process-wide options', () => {
  test('a rejected call changes nothing', () => {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    lifecycle.configure({ drainTimeout: 1 })
    for (const options of [
      { drainTimeout: 2, readyTimeout: 5 },
      { readyTimeout: 5, nonsense: 1 },
    ])
      expect(() => lifecycle.configure(options)).toThrow(expect.objectContaining({ name: 'ZerodropError' }))
    lifecycle.configure({ drainTimeout: 1, readyTimeout: 6 })
  })

  test('a rejected first call leaves the process to later calls', async () => {
    const system = new FakeSystem()
    const lifecycle = new Lifecycle(wire(system))
    expect(() => lifecycle.configure({ nonsense: 1 } as object)).toThrow('no option "nonsense"')
    await serve()
    expect([lifecycle.state, system.signals]).toEqual(['starting', []])
  })

  test.each([undefined, null, {}, () => {}, 3000, 'server'])('ignore(%p) is refused', (server) => {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    expect(() => lifecycle.ignore(server as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ZERODROP_SERVER_INVALID' }),
    )
  })

  test.each([undefined, null, {}, () => {}, 3000, 'server'])('attach(%p) is refused', (server) => {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    expect(() => lifecycle.attach(server as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_ZERODROP_SERVER_INVALID',
        message: expect.stringContaining('With Express and Koa that is what app.listen() returns'),
      }),
    )
  })

  test('the signals of a call apply even while a server listens', async () => {
    const system = new FakeSystem()
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure()
    await serve()
    lifecycle.configure({ signals: { SIGUSR1: 'restart', SIGHUP: false } })
    expect(system.signals).toEqual(['SIGINT', 'SIGTERM', 'SIGUSR2', 'SIGUSR1'])
  })

  test('a misspelled adapter option is answered with the list of its options', () => {
    expect(() => createAdapter().adapt({ onDrainingReqeust: 'refuse' } as object)).toThrow(
      /no option "onDrainingReqeust"\. Did you mean "onDrainingRequest"\? .* signals, onDrainingRequest\.$/,
    )
  })

  test.each([new http.IncomingMessage(null as never), Object.create({ request: {} })])(
    'an adapter that is given no options but a request says that it is to be called: %#',
    (request) => {
      expect(() => createAdapter().adapt(request as object)).toThrow(
        expect.objectContaining({
          code: 'ERR_ZERODROP_OPTION_INVALID',
          message: expect.stringContaining('app.use(graceful())'),
        }),
      )
    },
  )

  test.each([
    [{ timeut: 5 }, /^The onShutdown hook "db" has no option "timeut"\. Did you mean "timeout"\?/],
    [5000, /^Expected "options of onShutdown hook db" to be an object such as \{ timeout: 5000 \}, got 5000/],
    [{ timeout: '5s' }, /^Expected "timeout of onShutdown hook db" to be a number/],
  ])('the error for invalid hook options %p names the hook', (options, text) => {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    expect(() => lifecycle.onShutdown('db', () => {}, options as object)).toThrow(text)
  })

  test('invalid options of attach() are rejected', () => {
    const lifecycle = new Lifecycle(wire(new FakeSystem()))
    for (const options of [{ onDrain: () => {} }, { onDrained: 'close' }, { name: 1 }, null]) {
      expect(() => lifecycle.attach(http.createServer(), options as never)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_ZERODROP_OPTION_(UNKNOWN|INVALID)$/) }),
      )
    }
  })
})

describe('an event listener that throws', () => {
  async function throwing(event: 'drain:start' | 'restart:start' | 'restart:failed') {
    const system = new FakeSystem()
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure()
    await serve()
    lifecycle.events.on(event, () => {
      throw new Error('a mistake in the log format')
    })
    return { system, lifecycle }
  }

  test('does not prevent a shutdown from finishing', async () => {
    const { lifecycle } = await throwing('drain:start')
    await expect(lifecycle.shutdown()).resolves.toMatchObject({ cut: [] })
  })

  test('does not count as a failure of the restart', async () => {
    const { system, lifecycle } = await throwing('restart:start')
    const restart = lifecycle.restart().catch((error: unknown) => error)
    system.child.exits(1)
    await expect(restart).resolves.toMatchObject({ code: 'ERR_ZERODROP_SUCCESSOR_EXITED' })
  })
})

test('the status names the hooks that a stop waits for', async () => {
  const lifecycle = new Lifecycle(wire(new FakeSystem()))
  lifecycle.configure()
  await serve()
  let end = () => {}
  lifecycle.onShutdown('database', () => new Promise<void>((resolve) => (end = resolve)))
  const stopped = lifecycle.shutdown()
  while (lifecycle.status().drain?.hooks.length !== 1) await turn()
  expect(lifecycle.status().drain?.hooks).toEqual(['onShutdown hook "database"'])
  end()
  await stopped
  expect(lifecycle.status().drain).toBeUndefined()
})
