import { leftovers } from '@zerodrop/traffic'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix('a process that hands over without a deadline while one client stays', () => {
  test('names the client, does not block the next restart forever, and does not take over again', async () => {
    const site = await Site.start(undo, 'http.mjs', { drainTimeout: Infinity })
    const { app } = site
    const held = await site.connect()
    const answer = held.request({ path: '/hold', timeout: 60_000 })
    const visit = await site.gates.visit()
    site.deploy('2')
    const { before, after } = await site.restart()
    site.deploy('3')
    const from = app.lines.length
    app.signal('SIGHUP', after)
    const { pid } = await app.waitFor('listening', { from })
    await app.waitForStderr(
      /an earlier generation has not ended within 10000 ms; generation 3 is started beside it/,
    )
    await app.waitForStderr(/pid \d+: draining for \d+ ms without a deadline .*, waiting for GET \/hold/)
    await app.exitOf(after)
    expect(app.isAlive(before)).toBe(true)
    for (let times = 0; times < 10; times++)
      expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid, version: '3' })
    visit.open()
    expect(await answer).toMatchObject({ status: 200 })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.stderr).not.toContain('restart failed')
  }, 90_000)
})
