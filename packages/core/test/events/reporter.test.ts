import { ZerodropError } from '../../src/errors/zerodrop-error.ts'
import type { Logger } from '../../src/events/logger.ts'
import { Reporter } from '../../src/events/reporter.ts'
import { FakeSystem } from '../fake-system.ts'

function recorder() {
  const calls: [level: string, fields: object, message: string][] = []
  const level = (name: string) => (fields: object, message: string) => {
    calls.push([name, fields, message])
  }
  const logger: Logger = {
    debug: level('debug'),
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
  }
  return { logger, calls }
}

function reporting() {
  const system = new FakeSystem()
  return { system, reporter: new Reporter(system), ...recorder() }
}

const error = new ZerodropError('ERR_ZERODROP_SUCCESSOR_EXITED', 'It exited.')
const connection = {
  state: 'handling',
  method: 'GET',
  url: '/slow',
  remoteAddress: '::1',
  remotePort: 1,
} as const

test('without a logger, success prints nothing and each problem prints a line on stderr', () => {
  const { reporter, system } = reporting()
  reporter.tell('ready', { generation: 1 })
  reporter.tell('drain:start', { reason: 'SIGTERM' })
  reporter.tell('restart:start', { generation: 2 })
  expect(system.errors).toEqual([])
  reporter.restartFailed(error)
  reporter.warn(error)
  reporter.tell('connection:cut', { connection, forced: false })
  reporter.tell('connection:cut', { connection, forced: true })
  expect(system.errors).toEqual([
    '[zerodrop] pid 4242: restart failed: ERR_ZERODROP_SUCCESSOR_EXITED: It exited.',
    '[zerodrop] pid 4242: ERR_ZERODROP_SUCCESSOR_EXITED: It exited.',
    '[zerodrop] pid 4242: cut at the deadline: GET /slow from ::1:1 (handling)',
    '[zerodrop] pid 4242: cut by a signal: GET /slow from ::1:1 (handling)',
  ])
})

test('a logger gets every step, with the error as err and the rest as fields; stderr stays empty', () => {
  const { reporter, system, logger, calls } = reporting()
  reporter.logTo(logger)
  reporter.tell('drain:start', { reason: 'SIGTERM' })
  reporter.restartFailed(error)
  reporter.tell('connection:cut', { connection, forced: false })
  reporter.tell('restart:ready', { pid: 7, generation: 2 })
  reporter.tell('restart:handing-over', { pid: 7, generation: 2 })
  reporter.write('drained', { milliseconds: 3 })
  expect(calls).toEqual([
    ['info', { reason: 'SIGTERM' }, 'zerodrop: draining: SIGTERM'],
    ['error', { err: error }, 'zerodrop: restart failed: ERR_ZERODROP_SUCCESSOR_EXITED: It exited.'],
    [
      'warn',
      { ...connection, forced: false },
      'zerodrop: cut at the deadline: GET /slow from ::1:1 (handling)',
    ],
    // Not as `pid`: that is the logger's own field.
    ['info', { successor: 7, generation: 2 }, 'zerodrop: generation 2 is ready'],
    ['info', { successor: 7, generation: 2 }, 'zerodrop: handing over to generation 2'],
    ['info', { milliseconds: 3 }, 'zerodrop: drained'],
  ])
  expect(system.errors).toEqual([])
})

test('false disables all logging, but events are still emitted', () => {
  const { reporter, system, logger, calls } = reporting()
  const heard = jest.fn()
  reporter.events.on('warning', heard)
  reporter.logTo(false)
  reporter.logToFramework(logger)
  reporter.warn(error)
  expect([system.errors, calls, heard.mock.calls]).toEqual([[], [], [[{ error }]]])
})

test("a framework's logger is used if the application sets none; the first one stays", () => {
  const { reporter, system, logger, calls } = reporting()
  const other = recorder()
  reporter.logToFramework(logger)
  reporter.logToFramework(other.logger)
  reporter.warn(error)
  reporter.logTo('stderr')
  reporter.warn(error)
  expect([calls.length, other.calls.length, system.errors.length]).toEqual([1, 0, 1])
})

test('a logger that throws interrupts nothing, and the line goes to stderr', () => {
  const { reporter, system, logger } = reporting()
  reporter.logTo({
    ...logger,
    warn() {
      throw new Error('a full disk')
    },
  })
  reporter.warn(error)
  expect(system.errors).toEqual([expect.stringMatching(/It exited\. \(the logger threw: .*a full disk/)])
})

test('an error thrown by a listener is logged', () => {
  const { reporter, logger, calls } = reporting()
  reporter.logTo(logger)
  reporter.events.on('ready', () => {
    throw new Error('a slip')
  })
  reporter.tell('ready', { generation: 1 })
  expect(calls[0]).toMatchObject([
    'warn',
    { err: { code: 'ERR_ZERODROP_LISTENER_FAILED' } },
    expect.any(String),
  ])
})
