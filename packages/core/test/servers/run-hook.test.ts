import { hookTimeout, runHook } from '../../src/servers/run-hook.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

let system: FakeSystem
beforeEach(() => {
  system = new FakeSystem()
})
afterEach(() => {
  if (system.timers > 0) throw new Error('a timer was left running')
})

/** The end of the server's last connection, which starts the timeout of its hook. */
const ended = Promise.resolve()
const never = () => new Promise(() => {})

test.each([
  ['returns', () => 1],
  ['resolves', async () => 1],
])('a hook that %s succeeds', async (_what, hook) => {
  await expect(
    runHook(system, { name: 'hook "db"', hook, timeout: hookTimeout }, ended),
  ).resolves.toBeUndefined()
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
    const error = await runHook(system, { name: 'hook "db"', hook, timeout: hookTimeout }, ended)
    expect(error).toMatchObject({
      code: 'ERR_ZERODROP_HOOK_FAILED',
      message: `The hook "db" failed, and zerodrop went on without it: ${reason}`,
    })
    expect(error?.cause).toBe(cause)
  }
})

test('a hook that hangs is abandoned at its deadline', async () => {
  const run = runHook(system, { name: 'hook "db"', hook: never, timeout: hookTimeout }, ended)
  await ended
  system.advance(4999)
  expect(system.timers).toBe(1)
  system.advance(1)
  await expect(run).resolves.toMatchObject({
    code: 'ERR_ZERODROP_HOOK_TIMEOUT',
    message: expect.stringContaining('"db" did not finish within 5000 ms'),
  })
})

test('a hook that fails after its deadline has no effect', async () => {
  let fail: (error: Error) => void = () => {}
  const run = runHook(
    system,
    { name: 'hook "db"', hook: () => new Promise((_, reject) => (fail = reject)), timeout: hookTimeout },
    ended,
  )
  await ended
  system.advance(5000)
  await expect(run).resolves.toMatchObject({ code: 'ERR_ZERODROP_HOOK_TIMEOUT' })
  fail(new Error('too late'))
  await turn()
})

test('the timeout of a hook starts when the last connection has ended', async () => {
  let end = () => {}
  const run = runHook(
    system,
    { name: 'hook "db"', hook: never, timeout: hookTimeout },
    new Promise<void>((resolve) => (end = resolve)),
  )
  system.advance(60_000)
  expect(system.timers).toBe(0)
  end()
  await turn()
  system.advance(5000)
  await expect(run).resolves.toMatchObject({ code: 'ERR_ZERODROP_HOOK_TIMEOUT' })
})

test('a hook that has already finished leaves no timer behind', async () => {
  let end = () => {}
  await runHook(
    system,
    { name: 'hook "db"', hook: () => {}, timeout: hookTimeout },
    new Promise<void>((resolve) => (end = resolve)),
  )
  end()
  await turn()
  expect(system.timers).toBe(0)
})
