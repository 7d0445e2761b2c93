import { leftovers, LostRequest } from '@zerodrop/traffic'
import { describePosix, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const fixture = 'signals/others.mjs'

/** A process with one request under way, among the handlers of others. */
async function busy(library: string) {
  const site = await Site.start(undo, fixture, {}, { start: { args: [library] } })
  const client = await site.connect()
  const answer = client.request({ path: '/hold' })
  // Nobody may look at it before it is lost.
  answer.catch(() => {})
  const visit = await site.gates.visit()
  return { site, answer, visit }
}

const interrupted = (where: RegExp, status: string) =>
  new RegExp(
    `ERR_ZERODROP_DRAIN_INTERRUPTED: ${where.source} in the middle of a drain, with 1 connection open and ` +
      `something under way on 1\\. The exit status is ${status}\\.`,
  )

describePosix('handlers of other libraries on the same signal', () => {
  test.each(['telemetry', 'abrupt'])(
    '%s: process.exit(0) in a drain is reported, and is no 0',
    async (library) => {
      const { site, answer } = await busy(library)
      site.app.signal('SIGTERM')
      await expect(answer).rejects.toThrow(LostRequest)
      await expect(site.app.exited).resolves.toEqual({ code: 1, signal: null })
      const where = /process\.exit\(\) was called at \S*others\.mjs:\d+:\d+/
      expect(site.app.stderr).toMatch(interrupted(where, '1, not 0'))
      expect(site.app.stderr).toMatch(/cut by that: GET \/hold from \S+:\d+ \(handling/)
    },
  )

  test('a status that tells of a failure stays as it is', async () => {
    const { site } = await busy('failing')
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: 3, signal: null })
    expect(site.app.stderr).toMatch(
      interrupted(/process\.exit\(\) was called at \S*others\.mjs:\d+:\d+/, '3'),
    )
  })

  test('an error that nobody catches is told by its own status and its stack', async () => {
    const { site } = await busy('crashing')
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: 1, signal: null })
    expect(site.app.stderr).toMatch(interrupted(/The process ended/, '1'))
    expect(site.app.stderr).toContain('a mistake in a handler')
  })

  test.each(['signalExit', 'listening'])(
    '%s: runs, and the drain goes on to its own status',
    async (library) => {
      const { site, answer, visit } = await busy(library)
      await site.drain()
      await site.app.waitFor('heard')
      visit.open()
      await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
      await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
      expect(site.app.stderr).not.toContain('ERR_ZERODROP')
      expect(site.app.lines.filter(({ event }) => event === 'heard')).toHaveLength(1)
    },
  )

  test('with nothing open an exit is reported, with the status it asked for', async () => {
    const site = await Site.start(undo, fixture, {}, { start: { args: ['abrupt'] } })
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(site.app.stderr).toMatch(
      /in the middle of a drain, with 0 connections open and something under way on 0/,
    )
  })
})
