import { createServer } from 'node:http'
import { SelfCheck } from '../../src/handover/self-check.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

const options = { readyCheck: undefined, warmUp: [], readyTimeout: 60_000 }
let system: FakeSystem
let told: string[]
beforeEach(() => {
  system = new FakeSystem()
  told = []
})

function checkOf(server?: ReturnType<typeof createServer>): SelfCheck {
  return new SelfCheck(system, {
    server: () => server,
    onNotReady: (reason) => told.push(reason),
    onWarmUpFailed: (text) => told.push(text),
  })
}

test('a function is called with growing pauses until it returns true', async () => {
  const answers: (() => boolean | Promise<boolean>)[] = [
    () => false,
    () => Promise.reject(new Error('no database')),
    () => Promise.resolve(true),
  ]
  let ready = 0
  const readyCheck = () => answers.shift()!()
  checkOf().start({ ...options, readyCheck }, () => ready++)
  await turn()
  system.advance(49)
  await turn()
  expect(answers).toHaveLength(2)
  system.advance(1)
  await turn()
  expect([answers.length, ready]).toEqual([1, 0])
  system.advance(100)
  await turn()
  expect([ready, system.timers]).toEqual([1, 0])
  expect(told).toEqual([
    'the function "readyCheck" has not answered yet',
    'the function "readyCheck" returned false, not true',
    'the function "readyCheck" failed: no database',
  ])
})

test('a check of a path fails with a reason if no server speaks HTTP', async () => {
  const check = checkOf()
  check.start({ ...options, readyCheck: '/a' }, () => told.push('ready'))
  await turn()
  check.stop()
  await turn()
  expect(told).toEqual([
    'GET /a has not answered yet',
    'GET /a has no server: none of this process speaks HTTP',
  ])
  expect(system.timers).toBe(0)
})

test('warm-up requests that hang are abandoned, and the process is ready', async () => {
  const server = createServer(() => {})
  const ready = new Promise<void>((resolve) => {
    checkOf(server).start({ ...options, warmUp: 20, readyTimeout: 8000 }, resolve)
  })
  system.advance(2000)
  await ready
  expect(told).toEqual([
    'warm-up requests are under way',
    '20 of 20 warm-up requests failed, the first of them: GET / failed: it was given up, since it took too long',
  ])
  expect(system.timers).toBe(0)
})

test('warm-up requests yield to the event loop, and the time limit applies to synchronous handlers', async () => {
  const asked: number[] = []
  const server = createServer((_request, response) => {
    asked.push(turns)
    response.end('ok')
  })
  let turns = 0
  let over = false
  const count = (): void => {
    turns++
    // Each turn takes 10 ms, as a slow page would.
    system.advance(10)
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  await new Promise<void>((resolve) => {
    checkOf(server).start({ ...options, warmUp: 2 ** 52, readyTimeout: 4000 }, resolve)
  })
  over = true
  expect(asked.length).toBeGreaterThan(10)
  expect(new Set(asked).size).toBeGreaterThan(asked.length / 2)
  expect(told.at(-1)).toMatch(
    /^\d+ of 4503599627370496 warm-up requests failed, the first of them: GET \/ failed: it was/,
  )
  expect(system.timers).toBe(0)
})

test('a check fails if its function returns anything but true, such as a fetch response', async () => {
  const check = checkOf()
  const readyCheck = (() => Promise.resolve({ ok: false })) as unknown as () => boolean
  check.start({ ...options, readyCheck }, () => told.push('ready'))
  await turn()
  check.stop()
  await turn()
  expect(told).toEqual([
    'the function "readyCheck" has not answered yet',
    expect.stringMatching(/^the function "readyCheck" returned .*, not true$/),
  ])
})

test('a check that is stopped never reports ready', async () => {
  const check = checkOf()
  let answer: (value: boolean) => void = () => {}
  check.start({ ...options, readyCheck: () => new Promise((resolve) => (answer = resolve)) }, () =>
    told.push('ready'),
  )
  check.stop()
  answer(true)
  await turn()
  expect([told.includes('ready'), system.timers]).toEqual([false, 0])
})
