import { Check } from '../../src/health/check.ts'
import type { HealthOptions } from '../../src/health/options.ts'
import { type Condition, Probes } from '../../src/health/probes.ts'
import { checkOptions } from '../../src/options/options.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

const wellBeing: Condition = { live: true, ready: true, state: 'serving' }

function probing(options: HealthOptions = {}) {
  const system = new FakeSystem()
  let condition = wellBeing
  const onChange = jest.fn()
  const probes = new Probes(system, options, () => condition, onChange)
  const get = (url: string) => probes.answer({ method: 'GET', url })
  const become = (changed: Partial<Condition>): void => {
    condition = { ...condition, ...changed }
  }
  return { system, probes, get, become, onChange }
}

describe('probe requests', () => {
  test.each([
    ['GET', '/livez'],
    ['HEAD', '/livez'],
    ['GET', '/readyz'],
    ['GET', '/readyz?verbose'],
    ['GET', '/livez?'],
  ])('%s %s is a probe', async (method, url) => {
    await expect(probing().probes.answer({ method, url })).resolves.toMatchObject({ status: 200, body: 'ok' })
  })

  test.each([
    ['POST', '/livez'],
    ['OPTIONS', '/readyz'],
    ['GET', '/livez/'],
    ['GET', '/'],
    ['GET', '/app/livez'],
    ['GET', undefined],
    [undefined, '/livez'],
  ])('%s %s is not a probe', (method, url) => {
    expect(probing().probes.answer({ method, url })).toBeUndefined()
  })

  test('the paths can be changed or disabled', async () => {
    const { get, probes } = probing({ livez: '/health', readyz: false })
    expect(probes.paths).toEqual(['/health'])
    await expect(get('/health')).resolves.toMatchObject({ status: 200 })
    expect([get('/livez'), get('/readyz')]).toEqual([undefined, undefined])
  })
})

test('the process is live while it drains, and ready only while it serves', async () => {
  const { get, become } = probing()
  become({ ready: false, state: 'draining' })
  await expect(get('/livez')).resolves.toMatchObject({ status: 200 })
  await expect(get('/readyz')).resolves.toEqual({
    status: 503,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    },
    body: 'unavailable',
  })
})

describe('checks', () => {
  test('a failing check makes the process not ready, and each change is reported', async () => {
    const check = jest.fn<unknown, []>(() => true)
    const { get, onChange } = probing({ checks: { database: { check, cache: 0 } } })
    await get('/readyz')
    expect(onChange).not.toHaveBeenCalled()
    check.mockImplementation(() => Promise.reject(new Error('no route to 10.1.2.3')))
    for (let time = 0; time < 2; time += 1)
      await expect(get('/readyz')).resolves.toMatchObject({ status: 503, body: 'unavailable' })
    expect(onChange.mock.calls).toEqual([
      [
        expect.objectContaining({
          name: 'database',
          error: expect.objectContaining({ code: 'ERR_ZERODROP_CHECK_FAILED' }),
        }),
      ],
    ])
    check.mockImplementation(() => undefined)
    await expect(get('/readyz')).resolves.toMatchObject({ status: 200 })
    expect(onChange).toHaveBeenLastCalledWith(expect.objectContaining({ name: 'database', error: undefined }))
    await expect(get('/livez')).resolves.toMatchObject({ status: 200 })
  })

  test.each([
    ['false', () => false],
    ['a promise of false', () => Promise.resolve(false)],
    ['an error', () => Promise.reject(new Error('gone'))],
    [
      'something thrown that is no error',
      () => {
        throw Object.create(null)
      },
    ],
  ])('%s counts as a failure', async (_name, check) => {
    await expect(new Check(new FakeSystem(), 'it', check).run()).resolves.toMatchObject({
      error: { code: 'ERR_ZERODROP_CHECK_FAILED' },
    })
  })

  test('checks do not run while the process is not ready anyway', async () => {
    const check = jest.fn()
    const { get, become } = probing({ checks: { check } })
    become({ ready: false, state: 'draining' })
    await get('/readyz')
    expect(check).not.toHaveBeenCalled()
  })

  test('a drain that begins while checks run makes the process not ready', async () => {
    const { get, become } = probing({ checks: { slow: () => become({ ready: false, state: 'draining' }) } })
    await expect(get('/readyz')).resolves.toMatchObject({ status: 503 })
  })

  test('concurrent probes share one result, which is cached for a while', async () => {
    const system = new FakeSystem()
    const ask = jest.fn()
    const check = new Check(system, 'it', { check: ask, cache: 500 })
    await Promise.all([check.run(), check.run()])
    system.advance(499)
    await check.run()
    expect(ask).toHaveBeenCalledTimes(1)
    system.advance(1)
    await check.run()
    expect(ask).toHaveBeenCalledTimes(2)
  })

  test('a hanging check fails on time, is reported, and is not called again before it has ended', async () => {
    const system = new FakeSystem()
    let end: () => void = () => {}
    const ask = jest.fn(
      (_signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          end = resolve
        }),
    )
    const check = new Check(system, 'it', { check: ask, timeout: 100, cache: 0 })
    const late = { error: { code: 'ERR_ZERODROP_CHECK_TIMEOUT' } }
    const first = check.run()
    system.advance(100)
    await expect(first).resolves.toMatchObject(late)
    expect(ask.mock.calls[0]?.[0].aborted).toBe(true)
    system.advance(50)
    const { error } = await check.run()
    expect(error?.message).toContain('has not answered within 150 ms')
    expect(ask).toHaveBeenCalledTimes(1)
    end()
    await turn()
    const last = check.run()
    end()
    await expect(last).resolves.toMatchObject({ error: undefined })
    expect([ask.mock.calls.length, system.timers]).toEqual([2, 0])
  })
})

describe('?verbose', () => {
  const checks = {
    database: () => {},
    queue: () => Promise.reject(new Error('refused by 10.1.2.3')),
  }

  test('shows nothing unless it is requested', async () => {
    await expect(probing({ checks }).get('/readyz?verbose')).resolves.toMatchObject({ body: 'unavailable' })
  })

  test('shows the state, the checks, and why checks fail', async () => {
    const { get, become } = probing({ checks, verbose: true })
    await expect(get('/readyz?verbose')).resolves.toMatchObject({
      status: 503,
      body:
        '[+]process serving\n[+]database ok\n' +
        '[-]queue The health check "queue" failed, and the process is not ready: refused by 10.1.2.3\n' +
        'readyz check failed\n',
    })
    await expect(get('/readyz')).resolves.toMatchObject({ body: 'unavailable' })
    await expect(get('/livez?verbose')).resolves.toMatchObject({
      body: '[+]process serving\nlivez check passed\n',
    })
    become({ ready: false, state: 'draining' })
    await expect(get('/readyz?a=1&verbose=1')).resolves.toMatchObject({
      body: '[-]process draining\nreadyz check failed\n',
    })
  })
})

describe('the option', () => {
  const check = (health: unknown) => () => checkOptions({ health } as object)

  test.each([
    true,
    false,
    {},
    { livez: '/health/live', readyz: false },
    { port: 9000, host: '127.0.0.1', verbose: true },
    { checks: { database: () => {}, queue: { check: () => {}, timeout: 5, cache: 0 } } },
    { checks: { queue: { check: () => {}, timeout: Infinity } } },
  ])('accepts %p', (health) => {
    expect(check(health)).not.toThrow()
  })

  test.each([
    [null, 'OPTION_INVALID', '"health" to be true, false or an object'],
    ['/livez', 'OPTION_INVALID', '"health"'],
    [
      { liveness: '/livez' },
      'OPTION_UNKNOWN',
      '"health" has no option "liveness". Its options are livez, readyz',
    ],
    [{ livez: 'livez' }, 'OPTION_INVALID', '"health.livez" to be a path'],
    [{ livez: '/livez?x' }, 'OPTION_INVALID', '"health.livez"'],
    [{ livez: '/same', readyz: '/same' }, 'OPTION_INVALID', 'another path than "livez"'],
    [{ port: 65_536 }, 'OPTION_INVALID', '"health.port" to be a port'],
    [{ port: '9000' }, 'OPTION_INVALID', '"health.port"'],
    [{ host: '127.0.0.1' }, 'OPTION_INVALID', '"health.port" to be a number, since "host"'],
    [{ verbose: 1 }, 'OPTION_INVALID', '"health.verbose" to be true or false'],
    [{ checks: [] }, 'OPTION_INVALID', '"health.checks" to be an object'],
    [{ checks: { a: 'up' } }, 'OPTION_INVALID', '"health.checks.a" to be a function, or an object'],
    [{ checks: { a: { timeout: 5 } } }, 'OPTION_INVALID', '"health.checks.a.check" to be a function'],
    [{ checks: { a: { check: 1 } } }, 'OPTION_INVALID', '"health.checks.a.check" to be a function, got 1'],
    [
      { checks: { a: { check() {}, timeout: -1 } } },
      'OPTION_INVALID',
      '"health.checks.a.timeout" to be a number',
    ],
    [
      { checks: { a: { check() {}, retries: 1 } } },
      'OPTION_UNKNOWN',
      '"health.checks.a" has no option "retries"',
    ],
  ])('refuses %p', (health, code, text) => {
    expect(check(health)).toThrow(
      expect.objectContaining({ code: `ERR_ZERODROP_${code}`, message: expect.stringContaining(text) }),
    )
  })

  test.each([null, true, 'stdout', {}, console.log, { info() {} }])('logger: %p is refused', (logger) => {
    expect(() => checkOptions({ logger } as object)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('"logger" to be a logger with debug') }),
    )
  })

  test.each([false, 'stderr', console])('logger: %p is accepted', (logger) => {
    expect(() => checkOptions({ logger } as object)).not.toThrow()
  })
})
