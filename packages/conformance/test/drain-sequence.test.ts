import { constants, networkInterfaces } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionRefused, leftovers, LostRequest, startTraffic } from '@zerodrop/traffic'
import { DrainSite, frameworks, hooksOf, hooksRunBy } from './support/drain-site.ts'
import type { Framework } from './support/drain-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Fastify opens its second server where localhost has an address of the other family.
const loopback6 = Object.values(networkInterfaces()).some((each) => each?.some(isLoopback6))
const describeLoopback6 = loopback6 ? describePosix : describe.skip

const clean = { code: 0, signal: null }

describePosix.each(frameworks)('%s: the sequence of a drain', (framework) => {
  test('for drainDelay it accepts and serves, but is not ready', async () => {
    const site = await DrainSite.start(undo, framework, { options: { drainDelay: 2000 } })
    const client = await site.connect()
    await client.request()
    const begun = performance.now()
    await site.drain()
    await expect(site.app.waitFor('health')).resolves.toMatchObject({ live: true, ready: false })
    const fresh = await site.connect()
    const health = await fresh.request({ path: '/health' })
    expect(health).toMatchObject({ status: 200, closes: true })
    expect(JSON.parse(health.body.toString())).toEqual({ live: true, ready: false })
    await expect(client.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(performance.now() - begun).toBeGreaterThan(1950)
    expect(performance.now() - begun).toBeLessThan(15_000)
    await expect(site.connect()).rejects.toBeInstanceOf(ConnectionRefused)
    expect(hooksOf(site.app)).toEqual(hooksRunBy(framework))
  })

  test('a second signal during drainDelay ends it at once', async () => {
    const site = await DrainSite.start(undo, framework, { options: { drainDelay: 20_000 } })
    const client = await site.connect()
    const lost = client.request({ path: '/hold' }).catch((error: unknown) => error)
    await site.gates.visit()
    await site.drain()
    await site.app.waitFor('forceable')
    site.app.signal('SIGINT')
    await expect(lost).resolves.toBeInstanceOf(LostRequest)
    await expect(site.app.exited).resolves.toEqual({ code: 128 + constants.signals.SIGINT, signal: null })
  })

  test('two servers drain together, under one deadline', async () => {
    const site = await DrainSite.start(undo, framework, { second: true, options: { drainTimeout: 3000 } })
    const [first, quick] = await site.connectMany(2)
    const second = await site.connect({ port: site.secondPort })
    const lost = [first!, second].map((client) => client.request({ path: '/hold?for=ever' }).catch(failure))
    await Promise.all([site.gates.visit(), site.gates.visit()])
    const held = quick!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    const begun = performance.now()
    await site.drain()
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    for (const error of await Promise.all(lost)) expect(error).toBeInstanceOf(LostRequest)
    await expect(site.app.exited).resolves.toEqual({ code: 1, signal: null })
    expect(performance.now() - begun).toBeGreaterThan(2950)
    expect(performance.now() - begun).toBeLessThan(15_000)
    expect(site.app.stderr).toContain('1 finished, 0 served meanwhile, 2 cut')
    const hooks = hooksRunBy(framework).flatMap((hook) => [hook, hook])
    expect(hooksOf(site.app).sort(byName)).toEqual(hooks.sort(byName))
  })

  test('the result of shutdown() reports the work of the drain', async () => {
    const site = await DrainSite.start(undo, framework, {
      policy: 'function',
      options: { drainTimeout: 4000 },
    })
    const [asking, idle, refused, begun, forever, silent] = await site.connectMany(6)
    await Promise.all([idle!, refused!].map((client) => client.request()))
    const held = [begun!.request({ path: '/hold' })]
    const visit = await site.gates.visit()
    const lost = forever!.request({ path: '/hold?for=ever' }).catch(failure)
    const endless = await site.gates.visit()
    await asking!.request({ path: '/shutdown' })
    await expect(site.app.waitFor('shutdown')).resolves.toMatchObject({ same: true, state: 'draining' })
    await expect(idle!.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(refused!.request({ path: '/refused' })).resolves.toMatchObject({ status: 503 })
    visit.open()
    await expect(Promise.all(held)).resolves.toMatchObject([{ status: 200, closes: true }])
    await expect(lost).resolves.toBeInstanceOf(LostRequest)
    await expect(silent!.ended).resolves.not.toBe('local')
    const { result, state } = await site.app.waitFor('result')
    expect(state).toBe('closed')
    expect(result).toMatchObject({
      reason: 'shutdown()',
      // The request for the shutdown, and the one held.
      finished: 2,
      served: 1,
      refused: 1,
      websockets: 0,
      cut: [
        {
          state: 'handling',
          method: 'GET',
          url: '/hold?for=ever',
          remotePort: forever!.localPort,
        },
      ],
    })
    const { milliseconds, phases } = result as {
      milliseconds: number
      phases: { delay: number; accept: number; finish: number }
    }
    expect(phases.delay + phases.accept + phases.finish).toBeCloseTo(milliseconds, 3)
    expect(milliseconds).toBeGreaterThanOrEqual(3999)
    expect(phases.finish).toBeGreaterThan(phases.delay + phases.accept)
    // shutdown() does not exit; Node does, when the application has nothing else open.
    endless.open()
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(hooksOf(site.app)).toEqual(hooksRunBy(framework))
  })

  test('shutdown() called by a listener of the start of a drain joins that drain', async () => {
    const site = await DrainSite.start(undo, framework, { joins: true })
    const client = await site.connect()
    await client.request({ path: '/shutdown' })
    await expect(site.app.waitFor('joined')).resolves.toMatchObject({ reason: 'shutdown()' })
  })

  test('SIGTERM after shutdown() joins it and exits, a second one cuts', async () => {
    const site = await DrainSite.start(undo, framework)
    const [asking, busy] = await site.connectMany(2)
    const lost = busy!.request({ path: '/hold' }).catch(failure)
    await site.gates.visit()
    await asking!.request({ path: '/shutdown' })
    await site.app.waitFor('shutdown')
    site.app.signal('SIGTERM')
    // Still there, so the first did not cut.
    await expect(asking!.ended).resolves.toBe('fin')
    await site.app.waitFor('forceable')
    expect(busy!.open).toBe(true)
    site.app.signal('SIGTERM')
    await expect(lost).resolves.toBeInstanceOf(LostRequest)
    await expect(site.app.exited).resolves.toEqual({ code: 128 + constants.signals.SIGTERM, signal: null })
  })

  test('close() by the application loses no in-flight request, and the server can listen again', async () => {
    const reopens = framework !== 'fastify'
    const site = await DrainSite.start(undo, framework, { reopens, keepAliveTimeout: 5000 })
    const closer = await site.connect()
    const traffic = startTraffic({
      port: await site.distance(),
      keepAliveClients: 30,
      connectionClients: 0,
      slowClients: 3,
      uploadClients: 2,
      think: [0, 60],
    })
    await traffic.after(200)
    const tallied = traffic.snapshot()
    expect(tallied.lost).toBe(0)
    // What is refused after this was not accepted, which at a distance a client sees as a loss: so nobody connects again.
    const stopped = traffic.stop()
    await closer.request({ path: '/close' })
    const closed = await site.app.waitFor('closed')
    const report = await stopped
    expect(report.losses).toEqual([])
    expect(closed).toMatchObject({ own: false })
    expect(closed['error']).toBeUndefined()
    expect(hooksOf(site.app)).toEqual(hooksRunBy(framework))
    await (reopens ? expectToGoOn(site) : expectToExit(site))
  })

  test('SIGTERM while the application closes its server: one drain', async () => {
    const site = await DrainSite.start(undo, framework)
    const [closer, busy, idle] = await site.connectMany(3)
    await idle!.request()
    const held = busy!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await closer!.request({ path: '/close' })
    await site.drain()
    await expect(idle!.request()).resolves.toMatchObject({ status: 200, closes: true })
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(hooksOf(site.app)).toEqual(hooksRunBy(framework))
  })
})

describePosix.each(['express', 'koa', 'fastify', 'http'] as const)('%s: two servers', (framework) => {
  test('close() of one server leaves the other to serve', () => expectOtherToServe(framework))
})

describePosix('fastify', () => {
  test('close() by the application: preClose when nothing new can come, onClose when all has ended', async () => {
    const site = await DrainSite.start(undo, 'fastify')
    const [closer, busy, idle] = await site.connectMany(3)
    await idle!.request()
    const held = busy!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await closer!.request({ path: '/close' })
    await expect(idle!.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(idle!.ended).resolves.toBe('fin')
    await site.app.waitFor(({ name }) => name === 'preClose')
    await delay(50)
    expect(hooksOf(site.app)).toEqual(['preClose'])
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await site.app.waitFor('closed')
    expect(hooksOf(site.app)).toEqual(['preClose', 'onClose'])
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describeLoopback6('fastify on localhost', () => {
  test('requests in flight on both addresses finish before the onClose hooks', async () => {
    const site = await DrainSite.start(undo, 'fastify', { host: 'localhost' })
    const clients = await Promise.all(['127.0.0.1', '::1'].map((host) => site.connect({ host })))
    const answers = new Map(
      clients.map((client, index) => [`/hold?${index}`, client.request({ path: `/hold?${index}` })]),
    )
    const visits = [await site.gates.visit(), await site.gates.visit()]
    await site.drain()
    await site.app.waitFor(({ name }) => name === 'preClose')
    for (const visit of visits) {
      expect(hooksOf(site.app)).toEqual(['preClose'])
      visit.open()
      await expect(answers.get(visit.name)).resolves.toMatchObject({ status: 200 })
    }
    for (const client of clients) await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(hooksOf(site.app)).toEqual(['preClose', 'onClose'])
  })
})

async function expectOtherToServe(framework: Framework): Promise<void> {
  const site = await DrainSite.start(undo, framework, { second: true })
  const other = await site.connect({ port: site.secondPort })
  await other.request()
  const closer = await site.connect()
  await closer.request({ path: '/close' })
  await site.app.waitFor('closed')
  await expect(other.request()).resolves.toMatchObject({ status: 200, closes: false })
  const fresh = await site.connect({ port: site.secondPort })
  await expect(fresh.request()).resolves.toMatchObject({ status: 200, closes: false })
  await Promise.all([other, fresh].map((client) => client.close()))
  await site.drain()
  await expect(site.app.exited).resolves.toEqual(clean)
}

/** The process is there, serves again, and can be stopped as before. */
async function expectToGoOn(site: DrainSite): Promise<void> {
  await site.app.waitFor('reopened')
  const client = await site.connect()
  await expect(client.request()).resolves.toMatchObject({ status: 200, closes: false })
  await site.drain()
  await expect(client.request()).resolves.toMatchObject({ status: 200, closes: true })
  await expect(site.app.exited).resolves.toEqual(clean)
}

async function expectToExit(site: DrainSite): Promise<void> {
  await expect(site.app.exited).resolves.toEqual(clean)
}

function byName(a: unknown, b: unknown): number {
  return String(a).localeCompare(String(b))
}

function failure(error: unknown): unknown {
  return error
}

function isLoopback6({ address }: { address: string }): boolean {
  return address === '::1'
}
