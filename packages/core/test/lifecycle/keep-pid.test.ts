import type { Context } from '../../src/lifecycle/context.ts'
import { keepPid } from '../../src/lifecycle/keep-pid.ts'
import { defaults, type Settings } from '../../src/options/options.ts'
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
  system.keeper = {} as never
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
