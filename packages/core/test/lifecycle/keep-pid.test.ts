import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { message } from '../../src/handover/protocol.ts'
import type { Context } from '../../src/lifecycle/context.ts'
import { keepPid } from '../../src/lifecycle/keep-pid.ts'
import { Lifecycle } from '../../src/lifecycle/lifecycle.ts'
import { wire } from '../../src/lifecycle/wiring.ts'
import { defaults, type LifecycleOptions, type Settings } from '../../src/options/options.ts'
import { FakeServiceManager, FakeSystem } from '../fake-system.ts'
import { undoAfterEach } from '../undo-after-each.ts'
import { turns } from '../turns.ts'

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

const users = [
  'container',
  'systemd',
  'reaper',
  'supervisor',
  'package manager',
  'terminal',
  'shell script',
  'program',
] as const

test('the pid may change if no other program relies on it', () => {
  expect(decide()).toBeUndefined()
})

test('a process below a keeper need not keep its pid', () => {
  system.pidKeeping.user = 'container'
  system.keeper = { connected: true } as never
  expect(decide({ keepPid: true })).toBeUndefined()
})

test.each(users)('the pid stays if a %s relies on it', async (user) => {
  system.pidKeeping.user = user
  await expect(decide()).resolves.toBe(true)
})

test('the pid stays with keepPid: true', async () => {
  await expect(decide({ keepPid: true })).resolves.toBe(true)
})

test('a restart with keepPid: true fails if the process cannot keep its pid', async () => {
  system.pidKeeping.why = 'that needs Linux'
  await expect(decide({ keepPid: true })).rejects.toMatchObject({
    code: 'ERR_ZERODROP_KEEPER_UNAVAILABLE',
    message: expect.stringContaining('because that needs Linux'),
  })
})

test('systemd does not rely on the old pid if it is notified of the new one', () => {
  system.pidKeeping.user = 'systemd'
  system.serviceManager = new FakeServiceManager()
  expect(decide()).toBeUndefined()
})

describe('the program that has started this process for systemd has ended', () => {
  test('the pid stays if systemd follows it, as with Type=forking', async () => {
    system.pidKeeping.mainPid = system.pid
    await expect(decide()).resolves.toBe(true)
  })

  test('the pid may change if the unit has another main process', async () => {
    system.pidKeeping.mainPid = system.pid + 1
    await expect(decide()).resolves.toBe(false)
  })

  test('a restart fails if the process cannot keep its pid and systemd does not follow the pid file', async () => {
    system.pidKeeping.mainPid = system.pid
    system.pidKeeping.pidFile = '/run/app.pid'
    await expect(decide({ keepPid: false })).rejects.toMatchObject({ code: 'ERR_ZERODROP_SUPERVISED' })
    await expect(decide({ keepPid: false, pidFile: '/run/app.pid' })).resolves.toBe(false)
  })
})

describe.each([
  ['keepPid: false', { keepPid: false } as const, undefined, 'the option "keepPid" is false'],
  ['a process that cannot', {}, 'that needs Linux', 'because that needs Linux'],
])('%s', (_name, settings, why, reason) => {
  beforeEach(() => {
    system.pidKeeping.why = why
  })

  test.each(['container', 'systemd', 'reaper', 'supervisor'] as const)(
    '%s: a restart fails',
    async (user) => {
      system.pidKeeping.user = user
      await expect(decide(settings)).rejects.toMatchObject({
        code: 'ERR_ZERODROP_SUPERVISED',
        message: expect.stringMatching(new RegExp(`${reason}.*"zerodrop run".*SIGTERM drains`)),
      })
    },
  )

  test.each(['package manager', 'terminal', 'shell script', 'program'] as const)(
    '%s: the new pid causes a warning',
    async (user) => {
      system.pidKeeping.user = user
      await expect(decide(settings)).resolves.toBe(false)
      expect(warnings).toEqual([expect.stringContaining(`the ${user} that waits for pid 4242 sees it end`)])
    },
  )

  test('systemd follows the pid file that its unit names', async () => {
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
  undoAfterEach()
  let folder: string
  let server: http.Server
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    server = http.createServer()
    system.pidKeeping.user = 'container'
  })
  afterEach(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })

  async function handingOver(options: LifecycleOptions = {}): Promise<Lifecycle> {
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure({ logger: false, ...options })
    server.listen(path.join(folder, 'app.sock'))
    await once(server, 'listening')
    lifecycle.restart().catch(() => {})
    await turns()
    system.child.says(message({ type: 'started' }))
    system.child.says(message({ type: 'ready' }))
    await turns()
    return lifecycle
  }

  test('becomes the keeper of its successor, and forwards a stop signal to it', async () => {
    const lifecycle = await handingOver()
    expect([lifecycle.state, system.pidKeeping.kept]).toEqual(['handing-over', 2])
    system.deliver('SIGTERM')
    expect(system.child.kills).toEqual(['SIGTERM'])
  })

  test('forwards a stop signal that forces the end of the handover', async () => {
    await handingOver({ signals: { SIGTERM: 'force' } })
    system.deliver('SIGTERM')
    expect(system.child.kills).toEqual(['SIGTERM'])
  })

  test('does not forward a signal that its own code has sent', async () => {
    await handingOver()
    system.killItself('SIGTERM')
    expect(system.child.kills).toEqual([])
  })

  test('ends with its own status if its successor dies', async () => {
    const lifecycle = await handingOver()
    system.child.exits(1)
    await turns()
    expect([lifecycle.state, system.pidKeeping.kept]).toEqual(['serving', undefined])
  })

  test('waits for the new keeper before it restarts, unless it stops', async () => {
    system.comingKeeper = { pid: 1, arrived: new Promise(() => {}) }
    const lifecycle = new Lifecycle(wire(system))
    lifecycle.configure({ logger: false })
    server.listen(path.join(folder, 'app.sock'))
    await once(server, 'listening')
    const restart = lifecycle.restart()
    restart.catch(() => {})
    await turns()
    expect(system.spawned).toEqual([])
    void lifecycle.shutdown()
    await expect(restart).rejects.toMatchObject({ code: 'ERR_ZERODROP_RESTART_ABORTED' })
  })

  test('does not hand over to a successor that does not wait for the handover', async () => {
    system.pidKeeping.notAwaited = new Error('connect ECONNREFUSED')
    const lifecycle = await handingOver()
    expect(lifecycle.state).toBe('serving')
    expect(lifecycle.status().lastRestart).toMatchObject({
      error: { code: 'ERR_ZERODROP_KEEPER_UNAVAILABLE' },
    })
  })
})
