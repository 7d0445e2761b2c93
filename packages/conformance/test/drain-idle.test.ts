import { setTimeout as delay } from 'node:timers/promises'
import { leftovers, type RawClient } from '@zerodrop/traffic'
import { DrainSite, frameworks, frameworksAndTls, hooksOf, hooksRunBy } from './support/drain-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

describePosix.each(frameworksAndTls)(
  '%s over %s: connections between two requests',
  (framework, protocol) => {
    // Whether a request is lost is a matter of the moment in which the signal comes.
    test.each([1, 2])('none of 100 busy remote clients loses a request (%i)', async () => {
      const site = await DrainSite.start(undo, framework, { protocol })
      const clients = await site.connectMany(100, { port: await site.distance() })
      await Promise.all(clients.map((client) => client.request()))
      const ends = clients.map(askUntilTheEnd)
      await delay(50)
      await site.drain()
      for (const end of await Promise.all(ends)) expect(end).toBe('fin')
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(site.app.stderr).toMatch(/^\[zerodrop\] pid \d+: drained in .*, 0 cut\n$/)
    })

    test('half a request head at the signal counts as a request', async () => {
      const site = await DrainSite.start(undo, framework, {
        protocol,
        // Fastify answers 503 from the end of the linger on.
        options: { firstRequestTimeout: 100, ...(framework !== 'fastify' && { lingerTimeout: 150 }) },
      })
      const [first, next] = await site.connectMany(2)
      await next!.request()
      for (const client of [first!, next!]) client.write('GET / HTTP/1.1\r\nHost: ')
      // Answered behind the others on this connection, so by then the server has read those halves.
      const witness = await site.connect()
      await witness.request()
      await witness.close()
      await site.drain()
      await delay(300)
      for (const client of [first!, next!]) {
        client.write('here\r\n\r\n')
        await expect(client.nextResponse()).resolves.toMatchObject({ status: 200, closes: true })
        await expect(client.ended).resolves.toBe('fin')
      }
      await expect(site.app.exited).resolves.toEqual(clean)
    })

    test('a connection without a request may still send one, and otherwise delays nothing', async () => {
      const site = await DrainSite.start(undo, framework, {
        protocol,
        options: { firstRequestTimeout: 2000 },
      })
      const [silent, late] = await site.connectMany(2)
      const witness = await site.connect()
      await witness.request()
      await witness.close()
      const begun = performance.now()
      await site.drain()
      await expect(late!.request()).resolves.toMatchObject({ status: 200, closes: true })
      await expect(silent!.ended).resolves.toBe('fin')
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(performance.now() - begun).toBeGreaterThan(1950)
      expect(performance.now() - begun).toBeLessThan(15_000)
    })

    test('the linger follows the keepAliveTimeout that clients were sent', async () => {
      const site = await DrainSite.start(undo, framework, { protocol, keepAliveTimeout: 400 })
      const client = await site.connect()
      // The server counts from when it has answered, which is before this process has read that.
      const begun = performance.now()
      const response = await client.request()
      expect(response).toMatchObject({ status: 200, closes: false })
      await site.drain()
      await expect(client.ended).resolves.toBe('fin')
      const idle = performance.now() - begun
      // Node adds a buffer of up to a second to what it tells, depending on the version.
      expect(idle).toBeGreaterThan(350)
      expect(idle).toBeLessThan(15_000)
      await expect(site.app.exited).resolves.toEqual(clean)
    })
  },
)

describePosix.each(frameworks)('%s: the linger', (framework) => {
  test('ends when the last client has left', async () => {
    const site = await DrainSite.start(undo, framework)
    const clients = await site.connectMany(5)
    await Promise.all(clients.map((client) => client.request()))
    await site.drain()
    const begun = performance.now()
    await Promise.all(clients.map((client) => client.close()))
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(performance.now() - begun).toBeLessThan(15_000)
    expect(hooksOf(site.app)).toEqual(hooksRunBy(framework))
  })

  test('is bounded by lingerTimeout', async () => {
    const site = await DrainSite.start(undo, framework, { options: { lingerTimeout: 300 } })
    const [used, silent] = await site.connectMany(2)
    await used!.request()
    const begun = performance.now()
    await site.drain()
    await expect(Promise.all([used!.ended, silent!.ended])).resolves.toEqual(['fin', 'fin'])
    expect(performance.now() - begun).toBeGreaterThan(250)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(performance.now() - begun).toBeLessThan(15_000)
  })

  test('0 ends idle connections at once, but not connections with a request', async () => {
    const site = await DrainSite.start(undo, framework, { options: { lingerTimeout: 0 } })
    const [used, silent, busy] = await site.connectMany(3)
    await used!.request()
    const held = busy!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    await expect(Promise.all([used!.ended, silent!.ended])).resolves.toEqual(['fin', 'fin'])
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('Infinity leaves it to keepAliveTimeout', async () => {
    const site = await DrainSite.start(undo, framework, {
      keepAliveTimeout: 300,
      options: { lingerTimeout: 'Infinity', drainTimeout: 'Infinity', firstRequestTimeout: 200 },
    })
    const [used, silent] = await site.connectMany(2)
    await used!.request()
    await site.drain()
    await expect(Promise.all([used!.ended, silent!.ended])).resolves.toEqual(['fin', 'fin'])
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('with Infinity and no keepAliveTimeout ends at the deadline, and nothing is cut', async () => {
    const site = await DrainSite.start(undo, framework, {
      keepAliveTimeout: 0,
      options: { lingerTimeout: 'Infinity', drainTimeout: 300 },
    })
    const client = await site.connect()
    await client.request()
    await site.drain()
    await client.ended
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain(', 0 cut\n')
    expect(hooksOf(site.app)).toEqual(hooksRunBy(framework))
  })
})

/** Asks on, with thinking in between, until told to stop or until it sees that the connection has ended. */
async function askUntilTheEnd(client: RawClient): Promise<string> {
  while (client.open && !client.sawClose) {
    await delay(Math.random() * 60)
    if (!client.open) break
    const { status } = await client.request()
    expect(status).toBe(200)
  }
  return client.ended
}
