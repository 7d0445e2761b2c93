import { leftovers, LostRequest } from '@zerodrop/traffic'
import { describePosix, Site, type SiteSettings } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const fixture = 'signals/others.mjs'

type Options = Parameters<typeof Site.start>[2]

function startAmong(library: string, time = 'early', options: Options = {}, settings: SiteSettings = {}) {
  return Site.start(undo, fixture, options, { ...settings, start: { args: [library, time] } })
}

/** A process with one request under way, among the handlers of others. */
async function busy(...args: Parameters<typeof startAmong>) {
  const site = await startAmong(...args)
  const client = await site.connect()
  const answer = client.request({ path: '/hold' })
  // Nobody may look at it before it is lost.
  answer.catch(() => {})
  const visit = await site.gates.visit()
  return { site, client, answer, visit }
}

const events = (site: Site, ...names: string[]): string[] =>
  site.app.lines.flatMap(({ event }) => (names.includes(event) ? [event] : []))

/** Libraries that stop the server, or clean up and end the process, at a signal. */
const libraries = [
  'closeWithGrace',
  'terminus',
  'hapi',
  'nest',
  'closeAndExit',
  'closeEvent',
  'passive',
  'shutdown',
  'awaited',
  'iterated',
  'aborted',
  'flag',
  'thread',
  'removesAll',
  'removesEach',
  'restores',
]
const cases = libraries.flatMap((library) => [
  [library, 'early'],
  [library, 'late'],
])

describePosix('handlers of other libraries on the signal that stops the process', () => {
  test.each(cases)('%s, %s: run once, when the last connection has ended', async (library, time) => {
    const { site, answer, visit } = await busy(library, time, {}, { hooks: 'succeed' })
    await site.drain()
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(events(site, 'answered', 'cleaning', 'cleaned')).toEqual(['answered', 'cleaning', 'cleaned'])
    // zerodrop's own hooks around them.
    const order = site.app.lines.flatMap(({ event, kind }) =>
      event === 'cleaned' ? ['cleaned'] : event === 'hook' ? [kind] : [],
    )
    expect(order.slice(-5)).toEqual(['onShutdown', 'onShutdown', 'cleaned', 'beforeExit', 'beforeExit'])
    expect(site.app.stderr).not.toContain('ERR_ZERODROP')
    expect(site.app.stderr).not.toContain('signal')
  })

  test('a handler that ends the process does not cut another short', async () => {
    const { site, answer, visit } = await busy('two')
    await site.drain()
    visit.open()
    await answer
    const second = await site.gates.visit()
    expect(second.name).toBe('second')
    second.open()
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(events(site, 'cleaned')).toHaveLength(1)
  })

  test.each(['telemetry', 'abrupt'])('%s: process.exit(0) cuts nothing', async (library) => {
    const { site, answer, visit } = await busy(library)
    await site.drain()
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(site.app.stderr).not.toContain('ERR_ZERODROP')
  })

  test("a copy of Node's process.exit() loses nothing, but skips beforeExit hooks, which is reported", async () => {
    const { site, answer, visit } = await busy('exitCopy', 'early', {}, { hooks: 'succeed' })
    await site.drain()
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(events(site, 'answered', 'cleaned')).toEqual(['answered', 'cleaned'])
    expect(site.app.lines).not.toContainEqual(expect.objectContaining({ kind: 'beforeExit' }))
    expect(site.app.stderr).toContain('ERR_ZERODROP_DRAIN_INTERRUPTED')
  })

  test.each([
    ['early', ['intercepted']],
    // Node has bound its own function by then.
    ['late', []],
  ])(
    'a process.emit that is replaced %s is called at once, and the handlers behind it wait',
    async (time, heard) => {
      const { site, answer, visit } = await busy('emit', time)
      await site.drain()
      expect(events(site, 'intercepted', 'cleaning')).toEqual(heard)
      visit.open()
      await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
      await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
      expect(events(site, 'answered', 'cleaned')).toEqual(['answered', 'cleaned'])
    },
  )

  test.each(['failing', 'failingLater'])(
    '%s: a status that tells of a failure stays as it is',
    async (library) => {
      const { site, answer, visit } = await busy(library, 'early', {}, { hooks: 'succeed' })
      await site.drain()
      visit.open()
      await answer
      await expect(site.app.exited).resolves.toEqual({ code: 3, signal: null })
      expect(site.app.lines).toContainEqual(
        expect.objectContaining({ kind: 'beforeExit', info: { status: 3 } }),
      )
    },
  )

  test('an uncaught error shows in the exit status and prints its stack', async () => {
    const { site, answer, visit } = await busy('crashing')
    await site.drain()
    visit.open()
    await answer
    await expect(site.app.exited).resolves.toEqual({ code: 1, signal: null })
    expect(site.app.stderr).toContain('a mistake in a handler')
  })

  test('a handler that throws is reported, and the others run', async () => {
    const { site, answer, visit } = await busy('throwing')
    await site.drain()
    visit.open()
    await answer
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(site.app.stderr).toMatch(
      /ERR_ZERODROP_SIGNAL_FUNCTION_FAILED: .* failed.*: a mistake in a handler/,
    )
    expect(site.app.stderr).toMatch(/ERR_ZERODROP_SIGNAL_FUNCTION_FAILED: .* failed.*: a mistake in another/)
    expect(events(site, 'cleaned')).toHaveLength(1)
  })

  test('a handler that never finishes is abandoned at handlersTimeout, and reported', async () => {
    const site = await startAmong('stuck', 'early', { handlersTimeout: 50 }, { hooks: 'succeed' })
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(site.app.stderr).toMatch(/ERR_ZERODROP_HANDLERS_TIMEOUT: .*within 50 ms.*"neverEnds"/)
    expect(site.app.lines.slice(-2)).toMatchObject([{ kind: 'beforeExit' }, { event: 'exiting' }])
  })

  test('a second signal ends the wait for them, and names them', async () => {
    const site = await startAmong('stuck', 'early', { handlersTimeout: 2 ** 31 - 1 })
    site.app.signal('SIGTERM')
    await site.app.waitFor('cleaning')
    await site.app.waitFor('forceable')
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: 143, signal: null })
    expect(site.app.stderr).toContain(
      'a signal ended the wait for the handler "neverEnds" of SIGTERM, which had not finished',
    )
  })

  test('a handler that has started no work is not waited for', async () => {
    const site = await startAmong('signalExit', 'early', { handlersTimeout: 2 ** 31 - 1 })
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
  })
})

describePosix('handlers of other libraries on a signal that restarts', () => {
  const restarted = [
    'closeWithGrace',
    'terminus',
    'nest',
    'hapi',
    'closeAndExit',
    'passive',
    'awaited',
    'flag',
    'removesAll',
  ]

  test.each(restarted)('%s: a failed restart runs no handler', async (library) => {
    const { site, client, answer, visit } = await busy(library)
    site.deploy('2', 'throws')
    site.app.signal('SIGHUP')
    await site.app.waitFor('restart-failed')
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: false })
    await expect(client.request({ path: '/' })).resolves.toMatchObject({ status: 200, closes: false })
    expect(events(site, 'cleaning')).toEqual([])
    client.destroy()
    // Nor is anything left of it.
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(events(site, 'cleaning')).toHaveLength(1)
  })

  test.each(restarted)('%s: the old process cleans up after its last connection', async (library) => {
    const { site, answer, visit } = await busy(library)
    const idle = await site.connect()
    await idle.request({ path: '/' })
    site.deploy('2')
    const { before, after } = await site.restart()
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200 })
    await site.app.exitOf(before)
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    const ofOld = site.app.lines.filter(({ pid }) => pid === before)
    const order = ofOld.flatMap(({ event, path }) =>
      event === 'cleaning' ? [event] : path === '/hold' ? ['answered'] : [],
    )
    expect(order).toEqual(['answered', 'cleaning'])
    const { body } = await idle.request({ path: '/' })
    expect(JSON.parse(body.toString())).toMatchObject({ version: '2', pid: after })
    expect(site.app.lines.filter(({ pid, event }) => pid === after && event === 'cleaning')).toEqual([])
    expect(site.app.stderr).not.toContain('ERR_ZERODROP')
  })
})

describePosix('handlers that are called at once', () => {
  test('by the option "hold" of the signal', async () => {
    const { site, answer, visit } = await busy('readiness', 'early', {
      signals: { SIGTERM: { hold: false } },
    })
    await site.drain()
    await expect(site.app.waitFor('heard')).resolves.toMatchObject({ state: 'draining' })
    visit.open()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(events(site, 'heard')).toHaveLength(1)
  })

  test('by their mark: once, and the others not', async () => {
    const { site, answer, visit } = await busy('marked')
    await site.drain()
    await site.app.waitFor('heard')
    visit.open()
    await answer
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(events(site, 'heard', 'answered', 'cleaned')).toEqual(['heard', 'answered', 'cleaned'])
  })

  test('of a restart, too', async () => {
    const site = await startAmong('marked')
    site.deploy('2')
    const { before } = await site.restart()
    await site.app.exitOf(before)
    const ofOld = site.app.lines.filter(({ pid, event }) => pid === before && event === 'heard')
    expect(ofOld).toMatchObject([{ signal: 'SIGHUP' }, { signal: 'SIGTERM' }])
  })

  test('and end the process during a drain: this is reported, and the exit status is not 0', async () => {
    const { site, answer } = await busy('unheld', 'early', { signals: { SIGTERM: { hold: false } } })
    site.app.signal('SIGTERM')
    await expect(answer).rejects.toThrow(LostRequest)
    await expect(site.app.exited).resolves.toEqual({ code: 1, signal: null })
    expect(site.app.stderr).toMatch(
      /ERR_ZERODROP_DRAIN_INTERRUPTED: process\.exit\(\) was called at \S*others\.mjs:\d+:\d+ in the middle of a drain, with 1 connection open and something under way on 1\. The exit status is 1, not 0\./,
    )
    expect(site.app.stderr).toMatch(/cut by that: GET \/hold from \S+:\d+ \(handling/)
  })
})
