import {
  checkConflict,
  checkOptions,
  defaults,
  type LifecycleOptions,
  mergeOptions,
} from '../src/lifecycle/options.ts'

/** What a user without types may write. */
const check = (options: unknown) => () => checkOptions(options as LifecycleOptions)
const durations = Object.keys(defaults).filter(
  (name) => typeof defaults[name as keyof typeof defaults] === 'number',
)

describe('checkOptions', () => {
  test.each([undefined, 0, 1, 1.5, 1e12, Infinity])('takes %p for a duration', (value) => {
    for (const name of durations) expect(check({ [name]: value })).not.toThrow()
  })

  test.each([-1, -Infinity, NaN, '5000', '5s', null, true, 10n, {}, [1], () => 1, Symbol('s')])(
    'refuses %p for a duration',
    (value) => {
      for (const name of durations) {
        expect(check({ [name]: value })).toThrow(
          expect.objectContaining({
            code: 'ERR_ZERODROP_OPTION_INVALID',
            message: expect.stringContaining(`Expected "${name}" to be a number of milliseconds`),
          }),
        )
      }
    },
  )

  test.each([0, 1, 'true', null, {}])('refuses %p for manualReady', (value) => {
    expect(check({ manualReady: value })).toThrow(
      expect.objectContaining({
        code: 'ERR_ZERODROP_OPTION_INVALID',
        message: expect.stringMatching(/"manualReady" to be true or false, got /),
      }),
    )
  })

  test.each([
    ['pidFile', '', 'the path of a file'],
    ['pidFile', 1, 'the path of a file'],
    ['restartConcurrency', 'join', '"coalesce", "queue" or "reject"'],
    ['restartConcurrency', null, '"coalesce", "queue" or "reject"'],
    ['successorEnv', {}, '"start", "current" or a function that returns an environment'],
    ['successorEnv', 'now', '"start", "current" or a function that returns an environment'],
  ])('refuses for %s the value %p', (name, value, expected) => {
    expect(check({ [name]: value })).toThrow(
      expect.objectContaining({
        code: 'ERR_ZERODROP_OPTION_INVALID',
        message: expect.stringContaining(`Expected "${name}" to be ${expected}, got `),
      }),
    )
  })

  test.each(['drainTimout', 'timeout', 'DrainTimeout', '', 'toString', 'constructor', 'hasOwnProperty', '0'])(
    'refuses the unknown option "%s" and names those there are',
    (name) => {
      expect(check({ [name]: 1 })).toThrow(
        expect.objectContaining({
          code: 'ERR_ZERODROP_OPTION_UNKNOWN',
          message: `zerodrop has no option "${name}". Its options are ${Object.keys(defaults).join(', ')}.`,
        }),
      )
    },
  )

  test('an option of __proto__ is unknown too', () => {
    expect(check(JSON.parse('{ "__proto__": 1 }'))).toThrow(
      expect.objectContaining({ code: 'ERR_ZERODROP_OPTION_UNKNOWN' }),
    )
  })

  test.each([null, 5000, 'fast', true, [], () => {}])('refuses %p for all options', (value) => {
    expect(check(value)).toThrow(
      expect.objectContaining({
        code: 'ERR_ZERODROP_OPTION_INVALID',
        message: expect.stringContaining('Expected "options" to be an object'),
      }),
    )
  })

  test.each([
    'all',
    ['SIGTERM'],
    null,
    { SIGTERM: 'stop' },
    { SIGTERM: true },
    { SIGTERM: null },
    { SIGTERM: () => {} },
    { SIGTERM: 'toString' },
  ])('refuses %p for signals', (signals) => {
    expect(check({ signals })).toThrow(expect.objectContaining({ code: 'ERR_ZERODROP_OPTION_INVALID' }))
  })

  test('takes each action for a signal, false and undefined', () => {
    const signals = {
      SIGTERM: false,
      SIGINT: undefined,
      SIGQUIT: 'shutdown',
      SIGHUP: 'ignore',
      SIGCONT: 'restart',
    }
    for (const each of [signals, {}, undefined]) expect(check({ signals: each })).not.toThrow()
  })

  test('an action that does not exist is refused with those that do', () => {
    expect(check({ signals: { SIGTERM: 'stop' } })).toThrow(
      'Expected "signals.SIGTERM" to be one of "shutdown", "restart", "ignore", or false, got "stop".',
    )
  })

  test('a value that cannot be made JSON is shown all the same', () => {
    const circular: Record<string, unknown> = { big: 1n }
    circular['self'] = circular
    expect(check({ drainTimeout: circular })).toThrow(
      /got <ref \*1> \{ big: 1n, self: \[Circular \*1\] \}\.$/,
    )
    expect(check({ drainTimeout: Object.create(null) })).toThrow('got [Object: null prototype] {}.')
  })
})

describe('mergeOptions', () => {
  test('completes with the defaults and leaves them as they are', () => {
    const before = structuredClone(defaults)
    expect(mergeOptions(defaults, {})).toEqual(defaults)
    expect(mergeOptions(defaults, { drainTimeout: 1, lingerTimeout: undefined } as object)).toEqual({
      ...defaults,
      drainTimeout: 1,
    })
    expect(defaults).toEqual(before)
  })

  test('signals add to the defaults; false takes one away', () => {
    const { signals } = mergeOptions(defaults, {
      signals: { SIGUSR1: 'restart', SIGINT: false, SIGHUP: 'ignore', SIGQUIT: false },
    })
    expect(signals).toEqual({
      SIGTERM: 'shutdown',
      SIGUSR2: 'restart',
      SIGHUP: 'ignore',
      SIGUSR1: 'restart',
    })
  })
})

describe('checkConflict', () => {
  test.each<[LifecycleOptions, LifecycleOptions]>([
    [{}, {}],
    [{ drainTimeout: 1 }, {}],
    [{}, { drainTimeout: 1 }],
    [{ drainTimeout: 1 }, { drainTimeout: 1, readyTimeout: 2 }],
    [{ drainTimeout: Infinity }, { drainTimeout: Infinity }],
    [{ signals: { SIGHUP: false } }, { signals: { SIGHUP: false, SIGUSR1: 'restart' } }],
  ])('%p and then %p go together', (earlier, later) => {
    expect(() => checkConflict(earlier, later)).not.toThrow()
  })

  test.each<[string, LifecycleOptions, LifecycleOptions]>([
    ['drainTimeout', { drainTimeout: 1 }, { drainTimeout: 2 }],
    ['manualReady', { manualReady: true }, { manualReady: false }],
    ['signals.SIGHUP', { signals: { SIGHUP: false } }, { signals: { SIGHUP: 'restart' } }],
    ['signals.SIGHUP', { signals: { SIGHUP: 'ignore' } }, { drainTimeout: 1, signals: { SIGHUP: false } }],
  ])('a second "%s" is refused', (name, earlier, later) => {
    expect(() => checkConflict(earlier, later)).toThrow(
      expect.objectContaining({
        code: 'ERR_ZERODROP_OPTION_CONFLICT',
        message: expect.stringContaining(`Option "${name}" is `),
      }),
    )
  })

  test('the message says what both asked for', () => {
    expect(() => checkConflict({ drainTimeout: 1 }, { drainTimeout: 2 })).toThrow(
      'Option "drainTimeout" is 1 by an earlier call in this process and 2 by this one. ' +
        'It holds for the whole process: state it once, or alike.',
    )
  })
})
