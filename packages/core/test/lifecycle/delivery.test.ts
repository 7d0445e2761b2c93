import { Reporter } from '../../src/events/reporter.ts'
import { Delivery } from '../../src/lifecycle/delivery.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

const never = new Promise<void>(() => {})
const looked: unique symbol = Symbol('looked')

/** A handler that checks for other listeners. */
const looking = (call: () => unknown) => Object.assign(call, { [looked]: true })

function setUp() {
  const system = new FakeSystem()
  const reporter = new Reporter(system)
  const warnings: unknown[] = []
  reporter.events.on('warning', ({ error }) => warnings.push(error))
  const delivery = new Delivery(system, reporter, 'SIGTERM')
  let done = false
  const run = (milliseconds: number, ...calls: ((() => unknown) & { [looked]?: boolean })[]) => {
    const handlers = calls.map((call, index) => ({
      name: `handler ${index + 1}`,
      looked: call[looked] ?? false,
      call,
    }))
    const running = delivery.run(handlers, milliseconds).then(() => {
      done = true
    })
    return running
  }
  const isDone = async () => {
    await turn()
    return done
  }
  return { system, delivery, warnings, run, isDone }
}

test('handlers that check for other listeners and start no work are not waited for', async () => {
  const { system, run, warnings } = setUp()
  const calls: number[] = []
  await run(
    5000,
    looking(() => calls.push(1)),
    looking(() => calls.push(2)),
  )
  expect([calls, system.waitingForIdle, warnings]).toEqual([[1, 2], 0, []])
})

test('a handler that only sets a flag is waited for, because the program may poll the flag', async () => {
  const { system, run, isDone, warnings } = setUp()
  let stopping = false
  const running = run(5000, () => {
    stopping = true
  })
  expect([await isDone(), stopping]).toEqual([false, true])
  system.becomeIdle()
  await running
  expect([system.waitingForIdle, system.timers, warnings]).toEqual([0, 0, []])
})

test('a handler that starts work is waited for until nothing keeps the event loop alive', async () => {
  const { system, delivery, run, isDone, warnings } = setUp()
  const running = run(
    5000,
    looking(() => {}),
    looking(() => void Promise.resolve().then(() => never)),
  )
  expect(await isDone()).toBe(false)
  expect(delivery.running).toEqual(['handler 2'])
  system.becomeIdle()
  await running
  expect([system.waitingForIdle, system.timers, warnings]).toEqual([0, 0, []])
})

test('a handler that ends the process is done, and the others are waited for', async () => {
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

test('an exit that no handler requested ends the wait for all handlers', async () => {
  const { delivery, run, isDone } = setUp()
  const running = run(5000, () => never)
  expect(await isDone()).toBe(false)
  delivery.onExit()
  await running
})

test('handlers that do not finish in time are named', async () => {
  const { system, run, isDone, warnings } = setUp()
  const running = run(
    5000,
    () => never,
    looking(() => {}),
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

test('with a timeout of 0 the handlers are called but not waited for', async () => {
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
])('a handler that %s is reported, and is done', async (_how, fail) => {
  const { run, warnings } = setUp()
  const next = jest.fn()
  await run(
    5000,
    fail,
    looking(() => next()),
  )
  expect(next).toHaveBeenCalledTimes(1)
  expect(warnings).toEqual([
    expect.objectContaining({
      code: 'ERR_ZERODROP_SIGNAL_FUNCTION_FAILED',
      message: 'The handler of SIGTERM "handler 1" failed, and zerodrop went on without it: no pool',
    }),
  ])
})
