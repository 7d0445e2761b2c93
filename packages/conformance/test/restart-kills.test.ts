import { setTimeout as delay } from 'node:timers/promises'
import { leftovers, startTraffic, type Traffic } from '@zerodrop/traffic'
import { describePosix, type Identity, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** How often a successor is killed; fewer times where the whole suite runs once more, on another version of Node. */
const kills = Number(process.env['ZERODROP_KILLS'] ?? 100)
/** The longest that one lives, in milliseconds: as long as a start and a handover take, and some more. */
const longest = 500

const counts = { keepAliveClients: 10, connectionClients: 2, slowClients: 2, uploadClients: 2 }
const clients = 16

describePosix('a successor that is killed', () => {
  test(
    `at any moment, ${kills} times under load, takes with it only what it had taken over itself`,
    async () => {
      const site = await Site.start(undo, 'http.mjs', { drainTimeout: 10 * 60_000 })
      const { app } = site
      const server = app.pid
      // Keeps the predecessor from being done before its successor is killed.
      const held = await site.connect()
      const answer = held.request({ path: '/hold', timeout: 10 * 60_000 })
      const visit = await site.gates.visit()
      const traffic = startTraffic({ port: site.port, ...counts, paths: { slow: '/slow?ms=50' } })
      undo.add(() => traffic.stop())
      const moments = { starting: 0, serving: 0 }
      for (let kill = 0; kill < kills; kill++) {
        const { lost } = traffic.snapshot()
        const from = app.lines.length
        // A third of them do not come to listen, a third are killed behind that, a third whenever it is.
        if (kill % 3 === 0) site.deploy('1', 'boots-at-a-gate')
        else site.deploy('1')
        app.signal('SIGHUP', server)
        const { pid } = await app.waitFor('booted', { from })
        if (kill % 3 === 2) await app.waitFor('listening', { from })
        // So that some serve whatever the machine: the time from 'listening' to this depends on it.
        if (kill % 6 === 5) await app.waitFor('handing-over', { from })
        // By time and not by an event: the moment is to be any.
        await delay(Math.random() * longest)
        process.kill(pid!, 'SIGKILL')
        await expect(app.waitFor('restart-failed', { from })).resolves.toMatchObject({
          code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
        })
        await traffic.after(20)
        // Not before its predecessor knows that it is ready does it accept, and what it has accepted is its own.
        const accepts = app.lines.slice(from).some(({ event }) => event === 'handing-over')
        moments[accepts ? 'serving' : 'starting']++
        expect(traffic.snapshot().lost - lost).toBeLessThanOrEqual(accepts ? clients : 0)
        const fresh = await site.connect()
        expect(identityOf(await fresh.request())).toMatchObject({ pid: server, generation: 1 })
        fresh.destroy()
      }
      expect(traffic.snapshot().refused).toBe(0)
      expect(Math.min(moments.starting, moments.serving)).toBeGreaterThan(0)

      site.deploy('good')
      const from = app.lines.length
      app.signal('SIGHUP', server)
      const { pid } = await app.waitFor('listening', { from })
      visit.open()
      expect(await answer).toMatchObject({ status: 200, closes: false })
      await app.exitOf(server)
      expect(identityOf(await held.request())).toMatchObject({ pid, version: 'good', generation: 2 })
      await traffic.after(20)
      expect(traffic.snapshot().refused).toBe(0)
    },
    10 * 60_000,
  )
})

describePosix('a predecessor that is killed', () => {
  test('at any moment of a restart leaves a server or nothing, never half of one', async () => {
    for (let kill = 0; kill < kills / 5; kill++) {
      const site = await Site.start(undo, 'http.mjs')
      site.app.signal('SIGHUP')
      await delay(Math.random() * longest)
      // It may have handed over and ended by then.
      if (site.app.isAlive(site.app.pid)) process.kill(site.app.pid, 'SIGKILL')
      await site.app.exited
      // Refused is right where it was killed before it had started anybody.
      const answer = await site.connect().then(
        (client) => client.request({ timeout: 10_000 }).then(identityOf),
        () => undefined,
      )
      const started = site.app.lines.filter(({ event }) => event === 'booted').length - 1
      expect(answer?.generation ?? 'none').toBe(started === 0 ? 'none' : 2)
      await site.app.stop()
    }
  }, 600_000)
})

/** How often each of the two is killed with a deploy behind it: 50 times with ZERODROP_KILLS=500. */
const deploys = Math.ceil(kills / 10)

/** Who answers a new connection; undefined if its connection died, or nobody listens. */
async function whoServes(site: Site): Promise<Identity | undefined> {
  try {
    const client = await site.connect()
    const identity = await client.request({ timeout: 20_000 }).then(identityOf, () => undefined)
    client.destroy()
    return identity
  } catch {
    return undefined
  }
}

/** Asks on new connections until this version answers. */
async function serves(site: Site, version: string, traffic: Traffic): Promise<Identity> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const identity = await whoServes(site)
    if (identity?.version === version) return identity
    await traffic.after(5)
  }
  throw new Error(`version ${version} does not serve`)
}

describePosix('a deploy behind a kill', () => {
  test.each(['predecessor', 'successor'] as const)(
    `of the %s at any moment of a restart under load, ${deploys} times: it succeeds`,
    async (victim) => {
      /** Of each deploy behind a kill that somebody has survived: whether its version serves alone. */
      const deployed: boolean[] = []
      for (let kill = 0; kill < deploys; kill++) {
        const site = await Site.start(undo, 'http.mjs')
        const { app } = site
        const traffic = startTraffic({ port: site.port, ...counts, paths: { slow: '/slow?ms=50' } })
        await traffic.after(20)
        const from = app.lines.length
        site.deploy('killed')
        app.signal('SIGHUP')
        const pid = victim === 'successor' ? (await app.waitFor('booted', { from })).pid! : app.pid
        // By time and not by an event: the moment is to be any.
        await delay(Math.random() * longest)
        if (app.isAlive(pid)) process.kill(pid, 'SIGKILL')
        await app.exitOf(pid)
        const server = await whoServes(site)
        // Nobody is left where the successor had not been started yet, or where its predecessor had ended.
        if (server !== undefined) {
          site.deploy('next')
          app.signal('SIGHUP', server.pid)
          const next = await serves(site, 'next', traffic)
          await app.exitOf(server.pid)
          deployed.push((await whoServes(site))?.pid === next.pid)
        }
        await traffic.stop()
        await app.stop()
      }
      expect(new Set(deployed)).toEqual(new Set([true]))
    },
    10 * 60_000,
  )
})
