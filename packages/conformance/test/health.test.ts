import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionRefused, freePort, leftovers, RawClient, type RawResponse } from '@zerodrop/traffic'
import { DrainSite, frameworks } from './support/drain-site.ts'
import { describePosix, identityOf, Site, targets } from './support/site.ts'
import { SlowSite } from './support/slow-site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const forced = { code: 143, signal: null }
const host = '127.0.0.1'

/** What a new client is answered, on a connection for this alone as probes have it. */
async function probe(port: number, path: string, method = 'GET'): Promise<RawResponse> {
  const client = await RawClient.connect({ port })
  try {
    return await client.request({ path, method })
  } finally {
    client.destroy()
  }
}

/** Resolves when nobody accepts there any more. */
async function refused(port: number): Promise<void> {
  for (;;) {
    try {
      const client = await RawClient.connect({ port })
      client.destroy()
    } catch (error) {
      if (error instanceof ConnectionRefused) return
      throw error
    }
  }
}

async function statusOf(port: number, path: string): Promise<number | string> {
  try {
    return (await probe(port, path)).status
  } catch (error) {
    return (error as Error).name
  }
}

describePosix.each(targets)('%s, health: true', (_name, fixture) => {
  test('answers /livez and /readyz, HEAD too, and everything else as before', async () => {
    const site = await Site.start(undo, fixture, { health: true })
    const client = await site.connect()
    for (const path of ['/livez', '/readyz', '/readyz?verbose']) {
      const answer = await client.request({ path })
      expect(answer).toMatchObject({ status: 200, closes: false, headers: { 'cache-control': 'no-store' } })
      expect(answer.headers['content-type']).toMatch(/^text\/plain/)
      expect(answer.body.toString()).toBe('ok')
    }
    const head = await client.request({ path: '/readyz', method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '2' } })
    expect(head.body).toHaveLength(0)
    expect(identityOf(await client.request())).toMatchObject({ generation: 1 })
    await client.close()
    await site.drain()
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describePosix.each(frameworks)('%s, health: true, in a drain', (framework) => {
  test('not ready from its first moment, but alive, and probes are served even if requests are refused', async () => {
    const site = await DrainSite.start(undo, framework, {
      policy: 'refuse',
      options: { health: true, drainDelay: 20_000 },
    })
    await expect(probe(site.port, '/readyz')).resolves.toMatchObject({ status: 200 })
    const idle = await site.connect()
    await idle.request()
    await site.drain()
    await expect(idle.request({ path: '/readyz' })).resolves.toMatchObject({ status: 503, closes: true })
    const ready = await probe(site.port, '/readyz')
    expect([ready.status, ready.body.toString()]).toEqual([503, 'unavailable'])
    await expect(probe(site.port, '/livez')).resolves.toMatchObject({ status: 200 })
    await expect(probe(site.port, '/')).resolves.toMatchObject({ status: 503 })
    await site.app.waitFor('forceable')
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(forced)
  })

  test('with a port of its own: alive to the end on new connections, and the drain does not wait for its clients', async () => {
    const port = await freePort()
    const site = await DrainSite.start(undo, framework, { options: { health: { port, host } } })
    await expect(statusOf(port, '/readyz')).resolves.toBe(200)
    await expect(statusOf(port, '/')).resolves.toBe(404)
    const silent = await site.connect({ port })
    const begun = await site.connect({ port })
    begun.write('GET /livez HTTP/1.1\r\nHo')
    const client = await site.connect()
    const held = client.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    await refused(site.port)
    await expect(statusOf(port, '/readyz')).resolves.toBe(503)
    const live = await probe(port, '/livez')
    expect([live.status, live.body.toString(), live.closes]).toEqual([200, 'ok', true])
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200 })
    await expect(site.app.exited).resolves.toEqual(clean)
    await Promise.all([silent.ended, begun.ended])
    await refused(port)
    expect(site.app.stderr).toMatch(/^\[zerodrop\] pid \d+: drained in \d+ ms: 1 finished, [^\n]*\n$/)
  })
})

describePosix.each(targets)('%s, with a health port, restarts', (_name, fixture) => {
  test('and every probe always finds it alive and ready', async () => {
    const port = await freePort()
    const site = await Site.start(undo, fixture, { health: { port } })
    const statuses: unknown[] = []
    let over = false
    const asking = (async () => {
      while (!over) {
        statuses.push(await statusOf(port, '/readyz'), await statusOf(port, '/livez'))
        // Without a pause it would take the processor from the one that is starting.
        await delay(5)
      }
    })()
    const client = await site.connect()
    for (const generation of [2, 3]) {
      const { before } = await site.restart()
      await site.app.exitOf(before)
      expect(identityOf(await client.request())).toMatchObject({ generation })
    }
    over = true
    await asking
    expect(statuses.length).toBeGreaterThan(10)
    expect(new Set(statuses)).toEqual(new Set([200]))
    await client.close()
    const last = site.app.signal('SIGTERM')
    await site.app.exitOf(last)
    await refused(port)
  })
})

describePosix('a health port', () => {
  test('is open while the application starts: alive, and not ready before ready()', async () => {
    const site = await SlowSite.start(undo, { manualReady: true })
    const answers = (): Promise<unknown> =>
      Promise.all([statusOf(site.healthPort, '/livez'), statusOf(site.healthPort, '/readyz')])
    await expect(answers()).resolves.toEqual([200, 503])
    await site.listen()
    await expect(answers()).resolves.toEqual([200, 503])
    await site.becomeReady()
    await expect(answers()).resolves.toEqual([200, 200])
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('does not keep a process alive, nor from ending by a signal before it serves', async () => {
    const site = await SlowSite.start(undo)
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: null, signal: 'SIGTERM' })
  })

  test('belongs to the predecessor until the successor is ready; a failed successor changes nothing', async () => {
    const site = await SlowSite.start(undo, { manualReady: true })
    await site.listen()
    await site.becomeReady()
    const from = site.app.lines.length
    site.app.signal('SIGHUP')
    const { pid } = await site.app.waitFor('configured', { from })
    // It asks to listen, and is never let.
    await site.gates.visit()
    const answers: unknown[] = []
    for (let count = 0; count < 20; count += 1) answers.push(await statusOf(site.healthPort, '/readyz'))
    expect(new Set(answers)).toEqual(new Set([200]))
    site.app.signal('SIGKILL', pid)
    await site.app.waitFor('restart-failed', { from })
    await expect(statusOf(site.healthPort, '/readyz')).resolves.toBe(200)
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('that is in use is reported, and the application serves', async () => {
    const other = await SlowSite.start(undo)
    const site = await SlowSite.start(undo, {}, other.healthPort)
    await site.listen()
    await expect(statusOf(site.port, '/')).resolves.toBe(200)
    expect(site.app.stderr).toContain('ERR_ZERODROP_HEALTH_PORT: The health port tcp://')
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('shows a check that fails, hangs and recovers; the operator sees the reason, the client does not', async () => {
    const site = await SlowSite.start(undo)
    await site.listen()
    await site.becomeReady()
    await expect(statusOf(site.healthPort, '/readyz')).resolves.toBe(200)
    const become = async (how: string, passes: boolean, code?: string): Promise<void> => {
      const from = site.app.lines.length
      await probe(site.port, `/database?${encodeURIComponent(how)}`)
      // The result before it is kept for a second.
      const status = passes ? 200 : 503
      while ((await statusOf(site.healthPort, '/readyz')) !== status) await new Promise(setImmediate)
      await expect(site.app.waitFor('health:check', { from })).resolves.toMatchObject({
        check: 'database',
        passes,
        ...(code !== undefined && { code }),
      })
    }
    await become('no route to 10.1.2.3', false, 'ERR_ZERODROP_CHECK_FAILED')
    const answer = await probe(site.healthPort, '/readyz?verbose')
    expect(answer.body.toString()).toBe('unavailable')
    expect(site.app.stderr).toContain('no route to 10.1.2.3')
    await become('well', true)
    await become('hangs', false, 'ERR_ZERODROP_CHECK_TIMEOUT')
    await expect(statusOf(site.healthPort, '/livez')).resolves.toBe(200)
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})
