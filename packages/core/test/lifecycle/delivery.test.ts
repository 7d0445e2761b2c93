import { Reporter } from '../../src/events/reporter.ts'
import { Delivery } from '../../src/lifecycle/delivery.ts'
import { FakeSystem } from '../fake-system.ts'

const never = new Promise<void>(() => {})

function setUp() {
  const system = new FakeSystem()
  const reporter = new Reporter(system)
  const warnings: unknown[] = []
  reporter.events.on('warning', ({ error }) => warnings.push(error))
  const delivery = new Delivery(system, reporter, 'SIGTERM')
  let done = false
  const run = (milliseconds: number, ...calls: (() => unknown)[]) => {
    const handlers = calls.map((call, index) => ({ name: `handler ${index + 1}`, call }))
    const running = delivery.run(handlers, milliseconds).then(() => {
      done = true
    })
    return running
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const isDone = async () => {
    await turn()
    return done
  }
  return { system, delivery, warnings, run, isDone }
}

test('handlers that begin nothing are not waited for', async () => {
  const { system, run, warnings } = setUp()
  const calls: number[] = []
  await run(
    5000,
    () => calls.push(1),
    () => calls.push(2),
  )
  expect([calls, system.waitingForIdle, warnings]).toEqual([[1, 2], 0, []])
})

test('one that begins something is waited for until nothing keeps the event loop alive', async () => {
  const { system, delivery, run, isDone, warnings } = setUp()
  const running = run(
    5000,
    () => {},
    () => void Promise.resolve().then(() => never),
  )
  expect(await isDone()).toBe(false)
  expect(delivery.running).toEqual(['handler 2'])
  system.becomeIdle()
  await running
  expect([system.waitingForIdle, system.timers, warnings]).toEqual([0, 0, []])
})

test('each that ends the process is done, and the others are waited for', async () => {
  const { delivery, run, isDone } = setUp()
  let end = (): void => {}
  const running = run(
    5000,
    async () => {
      await Promise.resolve()
      delivery.onExit()
      await never
    },
    async () => {
      await new Promise<void>((resolve) => {
        end = resolve
      })
      delivery.onExit()
    },
  )
  expect(await isDone()).toBe(false)
  expect(delivery.running).toEqual(['handler 2'])
  end()
  await running
})

test('an exit that no handler has asked for ends the wait for all', async () => {
  const { delivery, run, isDone } = setUp()
  const running = run(5000, () => never)
  expect(await isDone()).toBe(false)
  delivery.onExit()
  await running
})

test('those that do not finish in time are named', async () => {
  const { system, run, isDone, warnings } = setUp()
  const running = run(
    5000,
    () => never,
    () => {},
    () => never,
  )
  system.advance(4999)
  expect(await isDone()).toBe(false)
  system.advance(1)
  await running
  expect(warnings).toEqual([
    expect.objectContaining({
      code: 'ERR_ZERODROP_HANDLERS_TIMEOUT',
      message: expect.stringMatching(/within 5000 ms.*: "handler 1", "handler 3"\./) as string,
    }),
  ])
})

test('with 0 they are called, and not waited for', async () => {
  const { run, warnings } = setUp()
  const call = jest.fn(() => never)
  await run(0, call)
  expect([call.mock.calls.length, warnings]).toEqual([1, []])
})

test.each([
  [
    'throws',
    () => {
      throw new Error('no pool')
    },
  ],
  ['rejects', () => Promise.reject(new Error('no pool'))],
])('one that %s is reported, and is done', async (_how, fail) => {
  const { run, warnings } = setUp()
  const next = jest.fn()
  await run(5000, fail, next)
  expect(next).toHaveBeenCalledTimes(1)
  expect(warnings).toEqual([
    expect.objectContaining({
      code: 'ERR_ZERODROP_SIGNAL_FUNCTION_FAILED',
      message: 'The handler of SIGTERM "handler 1" failed, and zerodrop went on without it: no pool',
    }),
  ])
})
