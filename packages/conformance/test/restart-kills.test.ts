import { setTimeout as delay } from 'node:timers/promises'
import { leftovers } from '../src/leftovers.ts'
import { startTraffic } from '../src/traffic.ts'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** How often a successor is killed; fewer times where the whole suite runs once more, on another version of Node. */
const kills = Number(process.env['ZERODROP_KILLS'] ?? 100)
/** The longest that one lives, in milliseconds: as long as a start and a hand-over take, and some more. */
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
      const moments = { starting: 0, ready: 0 }
      for (let kill = 0; kill < kills; kill++) {
        const { lost } = traffic.snapshot()
        const from = app.lines.length
        app.signal('SIGHUP', server)
        const { pid } = await app.waitFor('booted', { from })
        // By time and not by an event: the moment is to be any.
        await delay(Math.random() * longest)
        process.kill(pid!, 'SIGKILL')
        await expect(app.waitFor('restart-failed', { from })).resolves.toMatchObject({
          code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
        })
        await traffic.after(20)
        const wasReady = app.lines.slice(from).some(({ event }) => event === 'handing-over')
        moments[wasReady ? 'ready' : 'starting']++
        expect(traffic.snapshot().lost - lost).toBeLessThanOrEqual(wasReady ? clients : 0)
        const fresh = await site.connect()
        expect(identityOf(await fresh.request())).toMatchObject({ pid: server, generation: 1 })
        fresh.destroy()
      }
      expect(traffic.snapshot().refused).toBe(0)
      expect(Math.min(moments.starting, moments.ready)).toBeGreaterThan(0)

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
