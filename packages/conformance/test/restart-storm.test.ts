import { leftovers, startTraffic } from '@zerodrop/traffic'
import { describePosix, identityOf, restartsOnly, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

describePosix.each(targets)('%s, asked again and again', (_name, fixture) => {
  test('with "coalesce", 50 restart signals while a successor starts are one restart', async () => {
    const site = await Site.start(undo, fixture, { restartConcurrency: 'coalesce' })
    const client = await site.connect()
    site.deploy('2', 'boots-at-a-gate')
    const from = site.app.lines.length
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    for (let count = 0; count < 50; count++) site.app.signal(count % 2 === 0 ? 'SIGHUP' : 'SIGUSR2', pid)
    // The process answers, so it has got the signals.
    expect(identityOf(await client.request())).toMatchObject({ pid })
    visit.open()
    await site.app.waitFor('handing-over', { from })
    // Nor do those that come while it hands over start another.
    if (site.app.isAlive(pid)) site.app.signal('SIGHUP', pid)
    await site.app.exitOf(pid)
    expect(identityOf(await client.request())).toMatchObject({ pid: visit.pid, generation: 2 })
    expect(site.app.lines.filter(({ event }) => event === 'booted')).toHaveLength(2)
    await expect(site.app.exited).resolves.toEqual(clean)
    const merged = /^.* asked to restart again: the restart to generation 2 serves for both\n/gm
    expect(site.app.stderr.match(merged)!.length).toBeLessThanOrEqual(51)
    expect(site.app.stderr.replaceAll(merged, '')).toMatch(restartsOnly)
  })
})

describePosix('restartConcurrency', () => {
  test('queue: one more restart follows, made by the successor', async () => {
    const site = await Site.start(undo, 'http.mjs', { restartConcurrency: 'queue' })
    const client = await site.connect()
    site.deploy('2', 'boots-at-a-gate')
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    for (let count = 0; count < 10; count++) site.app.signal('SIGHUP', pid)
    expect(identityOf(await client.request())).toMatchObject({ pid })
    site.deploy('3')
    const from = site.app.lines.length
    visit.open()
    await site.app.waitFor(({ event, version }) => event === 'listening' && version === '3', { from })
    await site.app.exitOf(visit.pid)
    expect(identityOf(await client.request())).toMatchObject({ version: '3', generation: 3 })
    expect(site.app.lines.filter(({ event }) => event === 'booted')).toHaveLength(3)
  })

  test('queue: after a failed restart this process starts one more', async () => {
    const site = await Site.start(undo, 'http.mjs', { restartConcurrency: 'queue' })
    const client = await site.connect()
    site.deploy('2', 'boots-at-a-gate')
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    site.app.signal('SIGHUP', pid)
    expect(identityOf(await client.request())).toMatchObject({ pid })
    site.deploy('3')
    process.kill(visit.pid, 'SIGKILL')
    await site.app.exitOf(pid)
    expect(identityOf(await client.request())).toMatchObject({ version: '3', generation: 2 })
  })

  test('reject: rejects, and the restart under way continues', async () => {
    const site = await Site.start(undo, 'http.mjs', { restartConcurrency: 'reject' })
    const client = await site.connect()
    site.deploy('2', 'boots-at-a-gate')
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    site.app.signal('SIGHUP', pid)
    await site.app.waitForStderr(/ERR_ZERODROP_RESTART_IN_PROGRESS: /)
    await client.request({ path: '/restart' })
    await expect(site.app.waitFor('rejected')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_RESTART_IN_PROGRESS',
    })
    visit.open()
    await site.app.exitOf(pid)
    expect(identityOf(await client.request())).toMatchObject({ pid: visit.pid })
  })
})

describePosix('a shutdown', () => {
  test('while a successor starts: it is killed, and the process drains', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const client = await site.connect()
    const answer = client.request({ path: '/hold' })
    const request = await site.gates.visit()
    site.deploy('2', 'boots-at-a-gate')
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    site.app.signal('SIGTERM', pid)
    await site.app.waitFor('draining')
    await site.app.exitOf(visit.pid)
    await site.app.waitForStderr(/ERR_ZERODROP_RESTART_ABORTED/)
    // A restart that is asked for now is none.
    site.app.signal('SIGHUP', pid)
    request.open()
    expect(await answer).toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.lines.filter(({ event }) => event === 'booted')).toHaveLength(2)
  })

  test('of a process that hands over ends that process, and the successor serves', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const client = await site.connect()
    const answer = client.request({ path: '/hold' })
    const visit = await site.gates.visit()
    const { before, after } = await site.restart()
    site.app.signal('SIGTERM', before)
    visit.open()
    expect(await answer).toMatchObject({ status: 200, closes: false })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(identityOf(await client.request())).toMatchObject({ pid: after })
  })

  test('of both, as with Ctrl-C at a terminal: both drain and neither takes over again', async () => {
    const site = await Site.start(undo, 'http.mjs', { lingerTimeout: 100 })
    const held = await site.connect()
    const answer = held.request({ path: '/hold' })
    const visit = await site.gates.visit()
    const { before, after } = await site.restart()
    site.app.signal('SIGINT', before)
    site.app.signal('SIGINT', after)
    await site.app.exitOf(after)
    visit.open()
    await answer
    await expect(site.app.exited).resolves.toEqual(clean)
    await expect(site.connect()).rejects.toThrow(/ECONNREFUSED/)
  })
})

describePosix('a predecessor that is killed', () => {
  test('before its successor is ready: the successor becomes the server', async () => {
    const site = await Site.start(undo, 'http.mjs')
    site.deploy('2', 'boots-at-a-gate')
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    process.kill(pid, 'SIGKILL')
    await site.app.exited
    // Nobody accepts at the moment, but the socket is there.
    const waiting = await site.connect()
    const answer = waiting.request()
    visit.open()
    expect(identityOf(await answer)).toMatchObject({ pid: visit.pid, version: '2' })
    site.deploy('3')
    const { before } = await site.restart()
    expect(before).toBe(visit.pid)
  })

  test('before its successor, which never becomes ready: the successor ends', async () => {
    const site = await Site.start(undo, 'http.mjs', { readyTimeout: 3000 })
    site.deploy('2', 'boots-at-a-gate')
    const pid = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    process.kill(pid, 'SIGKILL')
    await site.app.exited
    await site.app.exitOf(visit.pid)
    expect(site.app.stderr).toContain(
      `pid ${visit.pid}: ERR_ZERODROP_READY_TIMEOUT: The predecessor has died`,
    )
  })

  test('when its successor is ready: the successor keeps serving', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const held = await site.connect()
    held.request({ path: '/hold' }).catch(() => {})
    await site.gates.visit()
    const { before, after } = await site.restart()
    process.kill(before, 'SIGKILL')
    await site.app.exited
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: after })
    site.deploy('3')
    expect((await site.restart()).before).toBe(after)
  })
})

describePosix('a successor on probation', () => {
  test('that dies has changed nothing', async () => {
    const site = await Site.start(undo, 'http.mjs', { probation: 60_000, lingerTimeout: 100 })
    const clients = await site.connectMany(20)
    await Promise.all(clients.map((client) => client.request()))
    const pid = site.app.signal('SIGHUP')
    const { successor } = await site.app.waitFor('handing-over')
    process.kill((successor as { pid: number }).pid, 'SIGKILL')
    await expect(site.app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
    })
    await site.app.waitForStderr(/was ended by SIGKILL while it was on probation; see what it printed\./)
    for (const client of clients) expect(identityOf(await client.request())).toMatchObject({ pid })
    await expect(drainedBySigterm(site)).resolves.toEqual(clean)
  })

  test('serves beside its predecessor, which then hands over', async () => {
    const site = await Site.start(undo, 'http.mjs', { probation: 500 })
    const traffic = startTraffic({ port: site.port, keepAliveClients: 5, slowClients: 0, uploadClients: 0 })
    undo.add(() => traffic.stop())
    await traffic.after(20)
    site.deploy('2')
    const { before, after } = await site.restart()
    await site.app.exitOf(before)
    await traffic.after(20)
    const report = await traffic.stop()
    expect(report).toMatchObject({ lost: 0, refused: 0, versions: ['1', '2'], pids: [before, after] })
    expect(report.connections).toMatchObject({ kept: 5, opened: 5 })
  })

  test('is asked to stop by a shutdown of its predecessor, and drains too', async () => {
    const site = await Site.start(undo, 'http.mjs', { probation: 60_000 })
    const from = site.app.lines.length
    const pid = site.app.signal('SIGHUP')
    const { successor } = await site.app.waitFor('handing-over', { from })
    site.app.signal('SIGTERM', pid)
    await site.app.exitOf((successor as { pid: number }).pid)
    await expect(site.app.exited).resolves.toEqual(clean)
    await site.app.waitForStderr(/ERR_ZERODROP_RESTART_ABORTED: .* told to stop/)
  })
})

function drainedBySigterm(site: Site): Promise<unknown> {
  site.app.signal('SIGTERM')
  return site.app.exited
}
