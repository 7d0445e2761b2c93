import { leftovers, type RawClient, startTraffic } from '@zerodrop/traffic'
import { describePosix, identityOf, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const current = targets.filter(([, fixture]) => fixture.endsWith('.mjs'))

const clean = { code: 0, signal: null }

/** A site whose second generation listens and does not become ready. */
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

/** A site of which two generations serve. */
async function onProbation(): Promise<{ site: Site; before: number; after: number }> {
  const site = await Site.start(undo, 'http.mjs', { probation: 60_000 })
  const { before, after } = await site.restart()
  return { site, before, after }
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
  test('accepts nothing, and is killed', async () => {
    const { site, before, after } = await neverReady(fixture, 6000)
    const traffic = startTraffic({ port: site.port, keepAliveClients: 3, connectionClients: 2 })
    undo.add(() => traffic.stop())
    // The kernel would give some of so many to the successor, if it accepted.
    const clients = await site.connectMany(100)
    for (const answer of await Promise.all(clients.map((client) => client.request())))
      expect(identityOf(answer)).toMatchObject({ pid: before, generation: 1 })
    await expect(site.app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_READY_TIMEOUT',
    })
    await site.app.exitOf(after)
    await traffic.after(20)
    const report = await traffic.stop()
    expect(report).toMatchObject({ lost: 0, losses: [], refused: 0, pids: [before] })
    for (const client of clients) expect(identityOf(await client.request())).toMatchObject({ pid: before })
    await site.app.waitForStderr(/was not ready within 6000 ms and was killed/)
  })
})

describePosix('a successor that is not ready', () => {
  test('is gone when its restart has failed, and the next one can begin', async () => {
    const { site, before, after } = await neverReady('http.mjs', 6000)
    await site.app.waitFor('restart-failed')
    site.app.signal('SIGHUP', before)
    const third = await site.gates.visit()
    expect(third.name).toBe('ready')
    expect(site.app.isAlive(after)).toBe(false)
    third.open()
    await site.app.exitOf(before)
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: third.pid })
  })

  test('does not outlive a shutdown of its predecessor, which answers all of its clients', async () => {
    const { site, before, after } = await neverReady('http.mjs', 60_000)
    const clients = await site.connectMany(20)
    const answers = clients.map((client) => client.request({ path: '/hold' }))
    const visits = await Promise.all(clients.map(() => site.gates.visit()))
    site.app.signal('SIGTERM', before)
    await site.app.exitOf(after)
    for (const visit of visits) visit.open()
    for (const answer of answers) expect(await answer).toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
    await site.app.waitForStderr(/ERR_ZERODROP_RESTART_ABORTED: .* was killed before it was ready/)
    await expect(site.connect()).rejects.toThrow(/ECONNREFUSED/)
  })

  test('accepts at once when its predecessor has died, because no other process accepts', async () => {
    const { site, before, after } = await neverReady('http.mjs', 60_000)
    process.kill(before, 'SIGKILL')
    await site.app.exited
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: after, generation: 2 })
  })
})

describePosix('a predecessor that dies', () => {
  test('while its successor boots: the successor accepts as soon as it listens', async () => {
    const site = await Site.start(undo, 'http.mjs')
    site.deploy('2', 'boots-at-a-gate')
    site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    process.kill(site.app.pid, 'SIGKILL')
    await site.app.exited
    const client = await site.connect()
    const answer = client.request()
    visit.open()
    expect(identityOf(await answer)).toMatchObject({ pid: visit.pid, version: '2' })
    site.deploy('3')
    expect((await site.restart()).before).toBe(visit.pid)
  })

  test('while a descriptor is on its way there: the successor learns of it', async () => {
    const site = await Site.start(undo, 'http.mjs', {}, { hooks: 'succeed' })
    site.deploy('2', 'boots-at-a-gate')
    site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    // Stopped, it sends no receipt for the descriptors that come with the word that the successor is ready.
    process.kill(site.app.pid, 'SIGSTOP')
    visit.open()
    await site.app.waitFor(({ kind, pid }) => kind === 'onReady' && pid === visit.pid)
    process.kill(site.app.pid, 'SIGKILL')
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: visit.pid, version: '2' })
  })
})

describePosix('a successor on probation that is not to take over', () => {
  test('finishes its requests if a shutdown comes first, and so does its predecessor', async () => {
    const { site, before, after } = await onProbation()
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

  test('is killed if it is stuck', async () => {
    const { site, before, after } = await onProbation()
    const client = await clientOf(site, after)
    const lost = client.request({ path: '/block' }).catch((error: unknown) => error)
    await site.app.waitFor('blocked')
    const held = await clientOf(site, before)
    const answer = held.request({ path: '/hold' })
    const visit = await site.gates.visit()
    site.app.signal('SIGTERM', before)
    await site.app.exitOf(after)
    expect(await lost).toBeInstanceOf(Error)
    visit.open()
    expect(await answer).toMatchObject({ status: 200 })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('and is stuck does not outlive the process that started it', async () => {
    const { site, before, after } = await onProbation()
    const client = await clientOf(site, after)
    client.request({ path: '/block' }).catch(() => {})
    await site.app.waitFor('blocked')
    const held = await clientOf(site, before)
    held.request({ path: '/hold' }).catch(() => {})
    await site.gates.visit()
    site.app.signal('SIGTERM', before)
    await site.app.waitForStderr(/ERR_ZERODROP_RESTART_ABORTED: .* told to stop/)
    await site.app.waitFor('forceable')
    site.app.signal('SIGTERM', before)
    await expect(site.app.exited).resolves.toEqual({ code: 143, signal: null })
    await site.app.exitOf(after)
  })
})
