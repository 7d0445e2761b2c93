import { successorEnvironment } from '../src/lifecycle/successor-environment.ts'
import { FakeSystem } from './fake-system.ts'

const system = Object.assign(new FakeSystem(), {
  commandLine: { ...new FakeSystem().commandLine, env: { WHEN: 'start' } },
  environment: { WHEN: 'now' },
})

test.each([
  ['start', 'start'],
  ['current', 'now'],
] as const)('%s is the environment of that time', (option, when) => {
  expect(successorEnvironment(system, option)).toEqual({ WHEN: when })
})

test.each([
  ['returns', (start: NodeJS.ProcessEnv) => ({ ...start, MORE: '1' })],
  ['resolves to', async (start: NodeJS.ProcessEnv) => ({ ...start, MORE: '1' })],
])('a function makes another of it: what it %s', async (_how, option) => {
  await expect(successorEnvironment(system, option)).resolves.toEqual({ WHEN: 'start', MORE: '1' })
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
  const error: unknown = await Promise.resolve(successorEnvironment(system, option)).catch((reason) => reason)
  expect(error).toMatchObject({ code: 'ERR_ZERODROP_SPAWN_FAILED', message: expect.stringMatching(text) })
  expect((error as Error).cause).toBe(cause)
})
