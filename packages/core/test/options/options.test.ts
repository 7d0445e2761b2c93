import {
  checkConflict,
  checkOptions,
  defaults,
  joinOptions,
  type LifecycleOptions,
  mergeOptions,
} from '../../src/options/options.ts'

/** Values that a user without type checking may pass. */
const check = (options: unknown) => () => checkOptions(options as LifecycleOptions)
const durations = Object.keys(defaults).filter(
  (name) => typeof defaults[name as keyof typeof defaults] === 'number',
)

describe('checkOptions', () => {
  test.each([undefined, 0, -0, 1, 1.5, 2 ** 31 - 1, 2 ** 31, 1e12, 1e308])(
    'accepts %p for a duration',
    (value) => {
      for (const name of durations) expect(check({ [name]: value })).not.toThrow()
    },
  )

  test('accepts Infinity for every duration except drainDelay and closeSpread', () => {
    const refused = durations.filter((name) => {
      try {
        check({ [name]: Infinity })()
        return false
      } catch {
        return true
      }
    })
    expect(refused).toEqual(['drainDelay', 'closeSpread'])
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
    ['migrate', 'yes', 'true, false or a function'],
    ['readyCheck', 'check', 'a path such as "/healthz", or a function'],
    ['readyCheck', '/a b', 'a path such as "/healthz", or a function'],
    ['readyCheck', '/a\r\nX: y', 'a path such as "/healthz", or a function'],
    ['warmUp', -1, 'a number of requests, 0 or more, or an array of paths such as ["/"]'],
    ['warmUp', Infinity, 'a number of requests, 0 or more, or an array of paths such as ["/"]'],
    ['warmUp', ['warm'], 'a number of requests, 0 or more, or an array of paths such as ["/"]'],
    ['warmUp', '/', 'a number of requests, 0 or more, or an array of paths such as ["/"]'],
    ['migrate', null, 'true, false or a function'],
    ['pidFile', '', 'the path of a file'],
    ['pidFile', 1, 'the path of a file'],
    ['restartConcurrency', 'join', '"newest", "queue", "coalesce" or "reject"'],
    ['restartConcurrency', null, '"newest", "queue", "coalesce" or "reject"'],
    ['successorEnv', {}, '"start", "current" or a function that returns an environment'],
    ['successorEnv', 'now', '"start", "current" or a function that returns an environment'],
  ])('refuses, for %s, the value %p', (name, value, expected) => {
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
          message: `zerodrop has no option "${name}".${
            name.toLowerCase().startsWith('drain') ? ' Did you mean "drainTimeout"?' : ''
          } Its options are ${Object.keys(defaults).join(', ')}.`,
        }),
      )
    },
  )

  test('an option named __proto__ is unknown too', () => {
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
    'toString',
    ['SIGTERM'],
    null,
    () => {},
    { SIGTERM: 'stop' },
    { SIGTERM: true },
    { SIGTERM: null },
    { SIGTERM: [] },
    { SIGTERM: 'toString' },
    { SIGTERM: { action: 'stop' } },
    { SIGTERM: { action: false } },
    { SIGTERM: { before: 'log' } },
    { SIGTERM: { after: null } },
    { SIGTERM: { around: () => {} } },
    { preset: 'apache' },
    { preset: null },
    { preset: 'nginx', SIGTERM: 'fast' },
  ])('refuses %p for signals', (signals) => {
    expect(check({ signals })).toThrow(expect.objectContaining({ code: 'ERR_ZERODROP_OPTION_INVALID' }))
  })

  test('accepts each action for a signal, false and undefined', () => {
    const signals = {
      SIGTERM: false,
      SIGINT: undefined,
      SIGQUIT: 'shutdown',
      SIGHUP: 'ignore',
      SIGCONT: 'restart',
      SIGWINCH: 'force',
      SIGUSR1: () => {},
      SIGURG: { before: () => {} },
      SIGIO: { action: () => {}, after: undefined },
      // A signal of another platform, or an unknown one: false asks for nothing.
      SIGBREAK: false,
      SIGINFO: false,
      SIGKILL: false,
    }
    for (const each of [signals, {}, undefined]) expect(check({ signals: each })).not.toThrow()
  })

  test('the error for an unknown action lists the existing actions', () => {
    expect(check({ signals: { SIGTERM: 'stop' } })).toThrow(
      'Expected "signals.SIGTERM" to be one of "shutdown", "restart", "force", "status", "ignore", a function, an object of "action", "before", "after", "hold", or false, got "stop".',
    )
  })

  test('a value that cannot be serialised as JSON is still shown', () => {
    const circular: Record<string, unknown> = { big: 1n }
    circular['self'] = circular
    expect(check({ drainTimeout: circular })).toThrow(
      /got <ref \*1> \{ big: 1n, self: \[Circular \*1\] \}\.$/,
    )
    expect(check({ drainTimeout: Object.create(null) })).toThrow('got [Object: null prototype] {}.')
  })
})

describe('mergeOptions', () => {
  test('adds the defaults and does not modify them', () => {
    const before = structuredClone(defaults)
    expect(mergeOptions(defaults, {})).toEqual(defaults)
    expect(mergeOptions(defaults, { drainTimeout: 1, lingerTimeout: undefined } as object)).toEqual({
      ...defaults,
      drainTimeout: 1,
    })
    expect(defaults).toEqual(before)
  })

  const reactionsOf = (signals: LifecycleOptions['signals']) =>
    mergeOptions(defaults, { signals } as LifecycleOptions).signals.reactions

  test('signals add to the defaults; false removes one; undefined has no effect', () => {
    const log = () => {}
    const options = {
      SIGUSR1: 'restart',
      SIGINT: false,
      SIGHUP: { before: log },
      SIGQUIT: false,
      SIGTERM: undefined,
      SIGURG: { before: log, action: undefined },
    }
    expect(reactionsOf(options as object)).toEqual({
      SIGTERM: { action: 'shutdown' },
      SIGBREAK: { action: 'shutdown' },
      SIGUSR2: { action: 'restart' },
      SIGHUP: { action: 'restart', before: log },
      SIGUSR1: { action: 'restart' },
      SIGURG: { before: log },
    })
  })

  test('a preset replaces the defaults, and signals add to it', () => {
    const reopen = () => {}
    expect(reactionsOf('grace')).toEqual({
      SIGINT: { action: 'shutdown' },
      SIGTERM: { action: 'shutdown' },
      SIGUSR2: { action: 'restart' },
    })
    expect(reactionsOf({ preset: 'goagain', SIGUSR1: reopen, SIGINT: false })).toEqual({
      SIGTERM: { action: 'shutdown' },
      SIGQUIT: { action: 'shutdown' },
      SIGUSR2: { action: 'restart' },
      SIGHUP: { action: 'ignore' },
      SIGUSR1: { action: reopen },
    })
  })

  test('two calls are merged', () => {
    const joined = joinOptions({ drainTimeout: 1, signals: 'nginx' }, {
      readyTimeout: 2,
      drainTimeout: undefined,
      signals: { SIGWINCH: 'ignore' },
    } as object)
    expect(joined).toEqual({
      drainTimeout: 1,
      readyTimeout: 2,
      signals: { preset: 'nginx', SIGWINCH: 'ignore' },
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
    [{ signals: 'nginx' }, { signals: { preset: 'nginx', SIGUSR1: 'restart' } }],
    [{ signals: { SIGHUP: { action: 'ignore' } } }, { signals: { SIGHUP: { action: 'ignore' } } }],
  ])('%p and then %p are compatible', (earlier, later) => {
    expect(() => checkConflict(earlier, later)).not.toThrow()
  })

  test.each<[string, LifecycleOptions, LifecycleOptions]>([
    ['drainTimeout', { drainTimeout: 1 }, { drainTimeout: 2 }],
    ['manualReady', { manualReady: true }, { manualReady: false }],
    ['signals.SIGHUP', { signals: { SIGHUP: false } }, { signals: { SIGHUP: 'restart' } }],
    ['signals.preset', { signals: 'nginx' }, { signals: { preset: 'grace' } }],
    ['signals.SIGHUP', { signals: { SIGHUP: () => 1 } }, { signals: { SIGHUP: () => 1 } }],
    ['signals.SIGHUP', { signals: { SIGHUP: 'ignore' } }, { drainTimeout: 1, signals: { SIGHUP: false } }],
  ])('a second "%s" is refused', (name, earlier, later) => {
    expect(() => checkConflict(earlier, later)).toThrow(
      expect.objectContaining({
        code: 'ERR_ZERODROP_OPTION_CONFLICT',
        message: expect.stringContaining(`Option "${name}" is `),
      }),
    )
  })

  test('the message states both values', () => {
    expect(() => checkConflict({ drainTimeout: 1 }, { drainTimeout: 2 })).toThrow(
      'Option "drainTimeout" is 1 by an earlier call in this process and 2 by this one. ' +
        'It holds for the whole process: state it once, or alike.',
    )
  })
})
