import { leftovers, type RawClient } from '@zerodrop/traffic'
import { H2Client } from './support/h2-client.ts'
import { describePosix, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

async function scrape(client: RawClient, path = '/metrics'): Promise<Record<string, number>> {
  const { body } = await client.request({ path })
  const samples = [...body.toString().matchAll(/^(zerodrop_\S+) (\S+)$/gm)]
  return Object.fromEntries(samples.map(([, name, value]) => [name, Number(value)])) as Record<string, number>
}

describePosix('metrics', () => {
  test('are scraped in each generation, and a drain whose process is gone shows in the next', async () => {
    const site = await Site.start(undo, 'metrics.mjs', { drainTimeout: 1500 })
    const [scraper, idle, holding] = await site.connectMany(3)
    await idle!.request()
    const lost = holding!.request({ path: '/hold' }).catch((error: unknown) => error)
    await site.gates.visit()
    const first = await scrape(scraper!)
    expect(first).toMatchObject({
      zerodrop_generation: 1,
      zerodrop_ready: 1,
      zerodrop_requests_in_flight: 2,
      'zerodrop_connections{state="idle"}': 1,
      'zerodrop_connections{state="handling"}': 2,
      'zerodrop_restarts_total{result="completed"}': 0,
      'zerodrop_restarts_total{result="failed"}': 0,
      'zerodrop_migrated_connections_total{direction="received"}': 0,
      zerodrop_cut_total: 0,
      zerodrop_drain_seconds: 0,
      zerodrop_last_drain_seconds: 0,
    })
    site.deploy('2', 'throws')
    site.app.signal('SIGHUP')
    await site.app.waitFor('restart-failed')
    await expect(scrape(scraper!)).resolves.toMatchObject({ 'zerodrop_restarts_total{result="failed"}': 1 })

    site.deploy('3')
    const { before } = await site.restart()
    await site.app.exitOf(before)
    await lost
    const next = await scrape(scraper!)
    expect(next).toMatchObject({
      zerodrop_generation: 2,
      'zerodrop_restarts_total{result="completed"}': 1,
      'zerodrop_restarts_total{result="failed"}': 0,
      'zerodrop_migrated_connections_total{direction="received"}': 2,
      zerodrop_cut_total: 1,
    })
    expect(next['zerodrop_last_drain_seconds']).toBeGreaterThanOrEqual(1.5)
    expect(next['zerodrop_last_drain_seconds']).toBeLessThan(6)
    expect(Object.keys(next).sort()).toEqual(Object.keys(first).sort())
    await site.drain()
    const draining = await scrape(scraper!)
    expect(draining).toMatchObject({ zerodrop_ready: 0 })
    expect(draining['zerodrop_drain_seconds']).toBeGreaterThan(0)
  })

  test('count WebSockets and sessions of HTTP/2', async () => {
    const site = await Site.start(undo, 'metrics.mjs')
    const { at } = await site.app.waitFor('h2c')
    const [scraper, webSocket] = await site.connectMany(2)
    for (let count = 0; count < 2; count += 1) await H2Client.connect(undo, at as number, false)
    const upgrade = { headers: { Connection: 'Upgrade', Upgrade: 'echo' } }
    await expect(webSocket!.request(upgrade)).resolves.toMatchObject({ status: 101 })
    await expect(scrape(scraper!)).resolves.toMatchObject({
      'zerodrop_connections{state="upgraded"}': 1,
      'zerodrop_connections{state="http2"}': 2,
      'zerodrop_connections{state="raw"}': 0,
      'zerodrop_connections{state="handling"}': 1,
      zerodrop_requests_in_flight: 1,
    })
  })

  test('of a process that hands over count the connections it has sent, and show that it is not ready', async () => {
    const site = await Site.start(undo, 'metrics.mjs')
    const [moving, scraper] = await site.connectMany(2)
    await moving!.request()
    const last = scrape(scraper!, '/metrics-of-the-old')
    const visit = await site.gates.visit()
    site.deploy('2')
    await site.restart()
    visit.open()
    await expect(last).resolves.toMatchObject({
      zerodrop_generation: 1,
      zerodrop_ready: 0,
      'zerodrop_migrated_connections_total{direction="sent"}': 1,
      'zerodrop_migrated_connections_total{direction="received"}': 0,
    })
    // Its own connection has moved as well by then.
    await site.app.exited
    await expect(scrape(scraper!)).resolves.toMatchObject({
      zerodrop_generation: 2,
      zerodrop_ready: 1,
      'zerodrop_migrated_connections_total{direction="sent"}': 0,
      'zerodrop_migrated_connections_total{direction="received"}': 2,
    })
  })
})
