import type { SuccessorEnvironment } from '../../src/options/options.ts'
import { successorEnvironment } from '../../src/handover/successor-environment.ts'
import { FakeSystem } from '../fake-system.ts'

const system = Object.assign(new FakeSystem(), {
  commandLine: { ...new FakeSystem().commandLine, env: { WHEN: 'start' } },
  environment: { WHEN: 'now' },
})

let stop: AbortController
beforeEach(() => {
  stop = new AbortController()
})
afterEach(() => {
  if (system.timers > 0) throw new Error('a timer was left running')
})

const environment = (option: SuccessorEnvironment, readyTimeout = 60_000) =>
  successorEnvironment(system, option, { readyTimeout, abort: stop.signal })

test.each([
  ['start', 'start'],
  ['current', 'now'],
] as const)('the successor gets the environment of that time: %s', (option, when) => {
  expect(environment(option)).toEqual({ WHEN: when })
})

test.each([
  ['returns', (start: NodeJS.ProcessEnv) => ({ ...start, MORE: '1' })],
  ['resolves to', async (start: NodeJS.ProcessEnv) => ({ ...start, MORE: '1' })],
])('a function can change the environment with what it %s', async (_how, option) => {
  await expect(environment(option)).resolves.toEqual({ WHEN: 'start', MORE: '1' })
  expect(system.commandLine.env).toEqual({ WHEN: 'start' })
})

const broken = new Error('no vault')

test.each([
  ['throws', () => Promise.reject(broken), /failed: Error: no vault/, broken],
  [
    'returns nothing',
    () => undefined as never,
    /failed: it returned undefined\. It has to return/,
    undefined,
  ],
])('a function that %s fails the restart', async (_how, option, text, cause) => {
  const error: unknown = await Promise.resolve(environment(option)).catch((reason) => reason)
  expect(error).toMatchObject({ code: 'ERR_ZERODROP_SPAWN_FAILED', message: expect.stringMatching(text) })
  expect((error as Error).cause).toBe(cause)
})

const hanging = () => new Promise<never>(() => {})

test('a function that does not finish within readyTimeout fails the restart', async () => {
  const late = environment(hanging, 3000)
  system.advance(3000)
  await expect(late).rejects.toMatchObject({
    code: 'ERR_ZERODROP_READY_TIMEOUT',
    message: expect.stringContaining('the function "successorEnv" did not finish within 3000 ms'),
  })
})

test.each(['before', 'while'])('a shutdown that comes %s the function runs ends the wait', async (when) => {
  if (when === 'before') stop.abort()
  const aborted = environment(hanging)
  stop.abort()
  await expect(aborted).rejects.toMatchObject({
    code: 'ERR_ZERODROP_RESTART_ABORTED',
    message: expect.stringContaining('while the function "successorEnv" was running'),
  })
})
