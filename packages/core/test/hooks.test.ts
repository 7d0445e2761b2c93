import { Server } from 'node:net'
import { runHook, ServerHooks } from '../src/lifecycle/hooks.ts'
import { FakeSystem } from './fake-system.ts'

let system: FakeSystem
beforeEach(() => {
  system = new FakeSystem()
})
afterEach(() => {
  if (system.timers > 0) throw new Error('a timer was left running')
})

const never = () => new Promise(() => {})

test.each([
  ['returns', () => 1],
  ['resolves', async () => 1],
])('a hook that %s is no error', async (_what, hook) => {
  await expect(runHook(system, 'db', hook, 5000)).resolves.toBeUndefined()
})

test.each([
  ['an error', new Error('no route to host'), 'no route to host'],
  ['a string', 'broken', `'broken'`],
  ['undefined', undefined, 'undefined'],
  ['what has no string form', Object.create(null), '[Object: null prototype] {}'],
])('a hook that throws %s is named, with the cause', async (_what, cause: unknown, reason) => {
  for (const hook of [
    () => {
      throw cause
    },
    () => Promise.reject(cause),
  ]) {
    const error = await runHook(system, 'db', hook, 5000)
    expect(error).toMatchObject({
      code: 'ERR_ZERODROP_HOOK_FAILED',
      message: `The shutdown hook "db" failed, and the shutdown went on without it: ${reason}`,
    })
    expect(error?.cause).toBe(cause)
  }
})

test('a hook that hangs is given up at its deadline', async () => {
  const run = runHook(system, 'db', never, 5000)
  system.advance(4999)
  expect(system.timers).toBe(1)
  system.advance(1)
  await expect(run).resolves.toMatchObject({
    code: 'ERR_ZERODROP_HOOK_TIMEOUT',
    message: expect.stringContaining('"db" did not finish within 5000 ms'),
  })
})

test('a hook that fails after its deadline does no harm', async () => {
  let fail: (error: Error) => void = () => {}
  const run = runHook(system, 'db', () => new Promise((_, reject) => (fail = reject)), 10)
  system.advance(10)
  await expect(run).resolves.toMatchObject({ code: 'ERR_ZERODROP_HOOK_TIMEOUT' })
  fail(new Error('too late'))
  await new Promise((resolve) => setImmediate(resolve))
})

describe('hooks of servers', () => {
  const servers = [new Server(), new Server(), new Server()] as const

  test('run one by one, the last first; those that fail do not stop the others', async () => {
    const hooks = new ServerHooks()
    const ran: string[] = []
    const hook = (name: string, fails: boolean) => async () => {
      ran.push(`${name} begins`)
      await Promise.resolve()
      ran.push(`${name} ends`)
      if (fails) throw new Error(name)
    }
    hooks.set(servers[0], 'first', hook('first', true))
    hooks.set(servers[2], 'last', hook('last', true))
    const errors = await hooks.run(system, servers, 5000)
    expect(ran).toEqual(['last begins', 'last ends', 'first begins', 'first ends'])
    expect(errors.map(({ cause }) => (cause as Error).message)).toEqual(['last', 'first'])
  })

  test('each has the whole time', async () => {
    const hooks = new ServerHooks()
    for (const [index, server] of servers.entries()) hooks.set(server, `hook ${index}`, never)
    const run = hooks.run(system, servers, 100)
    for (const _ of servers) {
      system.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await run).map(({ code }) => code)).toEqual(Array(3).fill('ERR_ZERODROP_HOOK_TIMEOUT'))
    expect(system.now()).toBe(300)
  })
})
