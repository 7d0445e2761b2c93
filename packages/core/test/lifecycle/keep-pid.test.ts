import channels from 'node:diagnostics_channel'
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { message } from '../../src/handover/protocol.ts'
import type { Context } from '../../src/lifecycle/context.ts'
import { keepPid } from '../../src/lifecycle/keep-pid.ts'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { defaults, type LifecycleOptions, type Settings } from '../../src/options/options.ts'
import { FakeServiceManager, FakeSystem } from '../fake-system.ts'

let system: FakeSystem
let warnings: string[]
beforeEach(() => {
  system = new FakeSystem()
  warnings = []
})

function decide(settings: Partial<Settings> = {}): Promise<boolean> | undefined {
  const reporter = { write: (text: string) => void warnings.push(text) }
  return keepPid({ system, settings: { ...defaults, ...settings }, reporter } as unknown as Context)
}

const users = ['container', 'systemd', 'reaper', 'package manager', 'terminal'] as const

test('where nobody relies on the pid it may change', () => {
  expect(decide()).toBeUndefined()
})

test('below a keeper there is nothing to keep', () => {
  system.pidKeeping.user = 'container'
  system.keeper = { connected: true } as never
  expect(decide({ keepPid: true })).toBeUndefined()
})

test.each(users)('where a %s relies on the pid it stays', async (user) => {
  system.pidKeeping.user = user
  await expect(decide()).resolves.toBe(true)
})

test('with keepPid: true it stays', async () => {
  await expect(decide({ keepPid: true })).resolves.toBe(true)
})

test('with keepPid: true a restart fails where it cannot stay', async () => {
  system.pidKeeping.why = 'that needs Linux'
  await expect(decide({ keepPid: true })).rejects.toMatchObject({
    code: 'ERR_ZERODROP_KEEPER_UNAVAILABLE',
    message: expect.stringContaining('because that needs Linux'),
  })
})

test('systemd that is notified of the new pid does not rely on the old one', () => {
  system.pidKeeping.user = 'systemd'
  system.serviceManager = new FakeServiceManager()
  expect(decide()).toBeUndefined()
})

describe.each([
  ['keepPid: false', { keepPid: false } as const, undefined, 'the option "keepPid" is false'],
  ['a process that cannot', {}, 'that needs Linux', 'because that needs Linux'],
])('%s', (_name, settings, why, reason) => {
  beforeEach(() => {
    system.pidKeeping.why = why
  })

  test.each(['container', 'systemd', 'reaper'] as const)('%s: a restart fails', async (user) => {
    system.pidKeeping.user = user
    await expect(decide(settings)).rejects.toMatchObject({
      code: 'ERR_ZERODROP_SUPERVISED',
      message: expect.stringMatching(new RegExp(`${reason}.*"zerodrop run".*SIGTERM drains`)),
    })
  })

  test.each(['package manager', 'terminal'] as const)('%s: the pid changes, which is told', async (user) => {
    system.pidKeeping.user = user
    await expect(decide(settings)).resolves.toBe(false)
    expect(warnings).toEqual([expect.stringContaining(`the ${user} that waits for pid 4242 sees it end`)])
  })

  test('systemd follows a pid file that its unit names', async () => {
    system.pidKeeping.user = 'systemd'
    system.pidKeeping.pidFile = '/run/app.pid'
    await expect(decide({ ...settings, pidFile: '/run/app.pid' })).resolves.toBe(false)
    await expect(decide({ ...settings, pidFile: '/run/other.pid' })).rejects.toMatchObject({
      code: 'ERR_ZERODROP_SUPERVISED',
      message: expect.stringContaining('PIDFile='),
    })
    await expect(decide(settings)).rejects.toMatchObject({ code: 'ERR_ZERODROP_SUPERVISED' })
  })
})

describe('a process that hands over and keeps its pid', () => {
  const undo: (() => void)[] = []
  const { subscribe } = channels
  let folder: string
  let server: http.Server
  beforeEach(() => {
    // A lifecycle watches for as long as its process lives; here there is one for each test.
    jest.spyOn(channels, 'subscribe').mockImplementation((name, handler) => {
      undo.push(() => channels.unsubscribe(name, handler))
      subscribe(name, handler)
    })
    folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    server = http.createServer()
    system.pidKeeping.user = 'container'
  })
  afterEach(() => {
    for (const each of undo.splice(0).reverse()) each()
    jest.restoreAllMocks()
    server.close()
    rmSync(folder, { recursive: true })
  })

  async function handingOver(options: LifecycleOptions = {}): Promise<Lifecycle> {
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure({ logger: false, ...options })
    server.listen(path.join(folder, 'app.sock'))
    await once(server, 'listening')
    lifecycle.restart().catch(() => {})
    for (let turns = 0; turns < 10; turns++) await turn()
    system.child.says(message({ type: 'started' }))
    system.child.says(message({ type: 'ready' }))
    for (let turns = 0; turns < 10; turns++) await turn()
    return lifecycle
  }

  test('becomes the keeper of its successor, to which it passes a stop on', async () => {
    const lifecycle = await handingOver()
    expect([lifecycle.state, system.pidKeeping.kept]).toEqual(['handing-over', 2])
    system.deliver('SIGTERM')
    expect(system.child.kills).toEqual(['SIGTERM'])
  })

  test('passes a stop on that forces the end of the handover', async () => {
    await handingOver({ signals: { SIGTERM: 'force' } })
    system.deliver('SIGTERM')
    expect(system.child.kills).toEqual(['SIGTERM'])
  })

  test('keeps a signal to itself that its own code has sent', async () => {
    await handingOver()
    system.killItself('SIGTERM')
    expect(system.child.kills).toEqual([])
  })

  test('ends as itself again if its successor dies', async () => {
    const lifecycle = await handingOver()
    system.child.exits(1)
    for (let turns = 0; turns < 10; turns++) await turn()
    expect([lifecycle.state, system.pidKeeping.kept]).toEqual(['serving', undefined])
  })

  test('waits for a keeper to come before it restarts, and no longer when it stops', async () => {
    system.comingKeeper = { pid: 1, arrived: new Promise(() => {}) }
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure({ logger: false })
    server.listen(path.join(folder, 'app.sock'))
    await once(server, 'listening')
    const restart = lifecycle.restart()
    restart.catch(() => {})
    for (let turns = 0; turns < 10; turns++) await turn()
    expect(system.spawned).toEqual([])
    void lifecycle.shutdown()
    await expect(restart).rejects.toMatchObject({ code: 'ERR_ZERODROP_RESTART_ABORTED' })
  })

  test('does not hand over to a successor that does not wait for it', async () => {
    system.pidKeeping.notAwaited = new Error('connect ECONNREFUSED')
    const lifecycle = await handingOver()
    expect(lifecycle.state).toBe('serving')
    expect(lifecycle.status().lastRestart).toMatchObject({
      error: { code: 'ERR_ZERODROP_KEEPER_UNAVAILABLE' },
    })
  })
})
