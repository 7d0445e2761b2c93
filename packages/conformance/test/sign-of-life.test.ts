import { leftovers } from '@zerodrop/traffic'
import { describePosix, identityOf, restartsOnly, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const hung =
  /ERR_ZERODROP_SUCCESSOR_HUNG: The successor \(generation 2, pid \d+\) was ready, then .* This process has taken over again\.\n/

describePosix.each([0, 60])('a successor of %p idle connections that is ready and then hangs', (count) => {
  test('is killed, and its predecessor serves again, with what had not moved', async () => {
    const site = await Site.start(undo, 'http.mjs', { drainTimeout: 2000 })
    const { app } = site
    const clients = await site.connectMany(count)
    await Promise.all(clients.map((client) => client.request()))
    site.deploy('2', 'blocks-for-ever')
    const pid = app.signal('SIGHUP')
    const successor = await app.waitFor('blocked')
    // Nobody accepts at the moment.
    const waiting = await site.connect()
    const answer = waiting.request({ timeout: 30_000 })
    await expect(app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_SUCCESSOR_HUNG',
    })
    await app.waitForStderr(hung)
    await app.exitOf(successor.pid!)
    expect(identityOf(await answer)).toMatchObject({ pid })
    for (const client of clients) expect(identityOf(await client.request())).toMatchObject({ pid })

    site.deploy('3')
    const from = app.lines.length
    app.signal('SIGHUP', pid)
    const next = await app.waitFor('listening', { from })
    await app.exitOf(pid)
    for (const client of [...clients, waiting, await site.connect()])
      expect(identityOf(await client.request())).toMatchObject({ pid: next.pid, version: '3' })
  }, 60_000)
})

describePosix.each([0, 60])(
  'a successor of %p idle connections whose event loop is blocked for 5 s once',
  (count) => {
    test('is only slow: its predecessor waits for it, and everything moves', async () => {
      const site = await Site.start(undo, 'http.mjs', { drainTimeout: 2000 })
      const { app } = site
      const clients = await site.connectMany(count)
      await Promise.all(clients.map((client) => client.request()))
      site.deploy('2', 'blocks-once')
      const pid = app.signal('SIGHUP')
      const successor = await app.waitFor('blocked')
      await app.exitOf(pid)
      for (const client of [...clients, await site.connect()])
        expect(identityOf(await client.request())).toMatchObject({ pid: successor.pid, version: '2' })
      await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
      expect(app.stderr).toMatch(restartsOnly)
    }, 60_000)
  },
)

describePosix('a successor on probation that hangs', () => {
  test('is killed, and nothing was handed over', async () => {
    const site = await Site.start(undo, 'http.mjs', { probation: 60_000 })
    const pid = site.app.signal('SIGHUP')
    const { successor } = await site.app.waitFor('handing-over')
    process.kill((successor as { pid: number }).pid, 'SIGSTOP')
    await expect(site.app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_SUCCESSOR_HUNG',
    })
    await site.app.exitOf((successor as { pid: number }).pid)
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid })
  }, 60_000)
})

describePosix('a predecessor that hangs before it hands over', () => {
  test('is noticed: its successor serves, and receives the rest when the predecessor recovers', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const { app } = site
    const idle = await site.connect()
    await idle.request()
    site.deploy('2', 'boots-at-a-gate')
    const pid = app.signal('SIGHUP')
    const visit = await site.gates.visit()
    process.kill(pid, 'SIGSTOP')
    visit.open()
    // Nobody accepts at the moment.
    const waiting = await site.connect()
    expect(identityOf(await waiting.request({ timeout: 30_000 }))).toMatchObject({
      version: '2',
      generation: 2,
    })
    await app.waitForStderr(
      new RegExp(`pid ${visit.pid}: ERR_ZERODROP_PREDECESSOR_HUNG: The predecessor \\(pid ${pid}\\) `),
    )

    process.kill(pid, 'SIGCONT')
    await app.exitOf(pid)
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    for (const client of [idle, waiting, await site.connect()])
      expect(identityOf(await client.request())).toMatchObject({ pid: visit.pid, version: '2' })

    site.deploy('3')
    app.signal('SIGHUP', visit.pid)
    await app.exitOf(visit.pid)
    expect(identityOf(await waiting.request())).toMatchObject({ version: '3', generation: 3 })
  }, 60_000)
})
