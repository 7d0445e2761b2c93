import { leftovers, type RawClient, startTraffic } from '@zerodrop/traffic'
import { describePosix, identityOf, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const current = targets.filter(([, fixture]) => fixture.endsWith('.mjs'))

const clean = { code: 0, signal: null }

/** A site whose second generation listens, takes connections and does not become ready. */
async function neverReady(
  fixture: string,
  readyTimeout: number,
): Promise<{ site: Site; before: number; after: number }> {
  const site = await Site.start(undo, fixture, { manualReady: true, readyTimeout })
  ;(await site.gates.visit()).open()
  const from = site.app.lines.length
  const before = site.app.signal('SIGHUP')
  const { pid } = await site.app.waitFor('listening', { from })
  await site.gates.visit()
  return { site, before, after: pid as number }
}

/** A connection that this process has got: the kernel decides. */
async function clientOf(site: Site, pid: number): Promise<RawClient> {
  while (site.app.isAlive(pid)) {
    const client = await site.connect()
    if (identityOf(await client.request()).pid === pid) return client
    client.destroy()
  }
  throw new Error(`${pid} is gone\n${site.app.stderr}`)
}

describePosix.each(current)('a successor of %s that listens and is never ready', (_name, fixture) => {
  test('finishes what it has accepted, and then ends', async () => {
    const { site, before, after } = await neverReady(fixture, 6000)
    const traffic = startTraffic({ port: site.port, keepAliveClients: 3, slowClients: 1, uploadClients: 1 })
    undo.add(() => traffic.stop())
    const [busy, idle] = [await clientOf(site, after), await clientOf(site, after)]
    const answer = busy.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await expect(site.app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_READY_TIMEOUT',
    })
    await site.app.waitFor(({ event, pid }) => event === 'draining' && pid === after)
    visit.open()
    expect(await answer).toMatchObject({ status: 200, closes: true })
    expect(identityOf(await answer)).toMatchObject({ pid: after })
    expect(await idle.request()).toMatchObject({ status: 200, closes: true })
    await site.app.exitOf(after)
    await traffic.after(20)
    const report = await traffic.stop()
    expect(report).toMatchObject({ lost: 0, losses: [], refused: 0 })
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: before, generation: 1 })
    await site.app.waitForStderr(/was not ready within 6000 ms and was told to stop/)
  })
})

describePosix('a successor that is not to take over', () => {
  test('is there until it has finished, and only then another one starts', async () => {
    const { site, before, after } = await neverReady('http.mjs', 6000)
    const client = await clientOf(site, after)
    const answer = client.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.app.waitFor('restart-failed')
    site.app.signal('SIGHUP', before)
    // Once it has answered it has got the signal. The other may accept some more until it has heard that it is to stop.
    await clientOf(site, before)
    expect(site.app.pids()).toEqual([before, after])
    visit.open()
    await answer
    await site.app.exitOf(after)
    const third = await site.gates.visit()
    expect(third.name).toBe('ready')
    third.open()
    await site.app.exitOf(before)
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: third.pid })
  })

  test('is killed where it is stuck', async () => {
    const { site, before, after } = await neverReady('http.mjs', 6000)
    const client = await clientOf(site, after)
    const lost = client.request({ path: '/block' }).catch((error: unknown) => error)
    await site.app.waitFor('blocked')
    await site.app.waitFor('restart-failed')
    await site.app.exitOf(after)
    expect(await lost).toBeInstanceOf(Error)
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: before })
  })

  test('and is stuck does not outlive the process that started it', async () => {
    const { site, before, after } = await neverReady('http.mjs', 60_000)
    const client = await clientOf(site, after)
    client.request({ path: '/block' }).catch(() => {})
    await site.app.waitFor('blocked')
    site.app.signal('SIGTERM', before)
    await site.app.waitForStderr(/ERR_ZERODROP_RESTART_ABORTED: .* told to stop/)
    site.app.signal('SIGTERM', before)
    await expect(site.app.exited).resolves.toEqual({ code: 143, signal: null })
    await site.app.exitOf(after)
  })

  test('because a shutdown came first: both finish what they have', async () => {
    const { site, before, after } = await neverReady('http.mjs', 60_000)
    const clients = [await clientOf(site, before), await clientOf(site, after)]
    const answers = clients.map((client) => client.request({ path: '/hold' }))
    const visits = [await site.gates.visit(), await site.gates.visit()]
    site.app.signal('SIGTERM', before)
    for (const pid of [before, after])
      await site.app.waitFor((line) => line.event === 'draining' && line['pid'] === pid)
    for (const visit of visits) visit.open()
    for (const answer of answers) expect(await answer).toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
    await site.app.exitOf(after)
    await expect(site.connect()).rejects.toThrow(/ECONNREFUSED/)
  })
})
