import { once } from 'node:events'
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionRefused, leftovers, LostRequest, startDelayProxy } from '@zerodrop/traffic'
import { describePosix, identityOf, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const oneFinished = /^\[zerodrop\] pid \d+: drained in \d+ ms: 1 finished, 0 served meanwhile, 0 cut\n$/
const MEGABYTE = 1024 * 1024

describePosix.each(targets)('%s stops', (_name, fixture) => {
  test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])(
    'on %s a request in flight gets its whole answer, with Connection: close',
    async (signal) => {
      const site = await Site.start(undo, fixture)
      const client = await site.connect()
      const answer = client.request({ path: '/hold' })
      const visit = await site.gates.visit()
      await site.drain(signal)
      visit.open()
      const response = await answer
      expect(response).toMatchObject({ status: 200, headers: { connection: 'close' } })
      expect(identityOf(response)).toEqual({ version: '1', pid: site.app.pid, generation: 1 })
      await expect(client.ended).resolves.toBe('fin')
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(site.app.stderr).toMatch(oneFinished)
    },
  )

  test('a response that has begun gets its whole body and the FIN right after it', async () => {
    const site = await Site.start(undo, fixture)
    const [client, other] = await site.connectMany(2)
    const held = other!.request({ path: '/hold' })
    const heldVisit = await site.gates.visit()
    const answer = client!.request({ path: '/stream' })
    await once(client!.socket, 'data')
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    const response = await answer
    expect(response).toMatchObject({ status: 200, closes: false })
    expect(response.body.toString()).toBe('begin,end')
    // The process is still there, so this FIN is not its exit.
    await expect(client!.ended).resolves.toBe('fin')
    heldVisit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('requests on their way over idle connections are answered', async () => {
    const site = await Site.start(undo, fixture)
    const proxy = await startDelayProxy({ targetPort: site.port, roundTrip: 30 })
    undo.add(() => proxy.close())
    const clients = await site.connectMany(30, proxy.port)
    await Promise.all(clients.map((client) => client.request()))
    const early = clients.slice(0, 15)
    const late = clients.slice(15)
    const answers = early.map((client) => client.request())
    await site.drain()
    for (const answer of await Promise.all(late.map((client) => client.request())))
      expect(answer).toMatchObject({ status: 200, closes: true })
    // On a busy machine the signal can take longer than half a round trip, and then one of these was before it.
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200)
    for (const client of early.filter(({ sawClose }) => !sawClose)) client.end()
    const ends = await Promise.all(clients.map((client) => client.ended))
    expect(new Set(ends)).toEqual(new Set(['fin']))
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('a lingering connection gets one more answer, new connections are refused', async () => {
    const site = await Site.start(undo, fixture)
    const [holder, idle] = await site.connectMany(2)
    await idle!.request()
    const held = holder!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    await expect(refusal(site)).resolves.toBe('ECONNREFUSED')
    await expect(idle!.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(idle!.ended).resolves.toBe('fin')
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('connections in the accept queue are answered', async () => {
    const site = await Site.start(undo, fixture)
    const blocker = await site.connect()
    const blocked = blocker.request({ path: '/block' })
    await site.app.waitFor('blocked')
    const before = await site.connectMany(15)
    const answers = before.map((client) => client.request())
    site.app.signal('SIGTERM')
    const after = await site.connectMany(15)
    answers.push(blocked, ...after.map((client) => client.request()))
    site.unblock()
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200)
    for (const client of [blocker, ...before, ...after]) await client.close()
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('pipelined requests that had arrived are answered in order, only the last with close', async () => {
    const site = await Site.start(undo, fixture)
    const client = await site.connect()
    const paths = ['/hold?1', '/hold?2', '/hold?3']
    const answers = client.pipeline(paths)
    const visits = [await site.gates.visit(), await site.gates.visit(), await site.gates.visit()]
    expect(visits.map(({ name }) => name).sort()).toEqual(paths)
    await site.drain()
    for (const visit of visits.reverse()) visit.open()
    const responses = await answers
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(responses.map(({ closes }) => closes)).toEqual([false, false, true])
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('pipelined requests on a lingering connection are answered in order, only the last with close', async () => {
    const site = await Site.start(undo, fixture)
    const client = await site.connect()
    await client.request()
    await site.drain()
    const responses = await client.pipeline(['/', '/slow?ms=20', '/'])
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(responses.map(({ closes }) => closes)).toEqual([false, false, true])
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('the response to a slow reader arrives whole, and so does the next one', async () => {
    const site = await Site.start(undo, fixture)
    const client = await site.connect()
    client.pause()
    const answer = client.request({ path: `/large?bytes=${20 * MEGABYTE}` })
    await site.app.waitFor('large')
    await site.drain()
    client.resume()
    const response = await answer
    expect(response.status).toBe(200)
    expect(response.body).toHaveLength(20 * MEGABYTE)
    // This answer had ended and promised to keep the connection before the signal, so its client may be asking on.
    await expect(client.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(/: 1 finished, 1 served meanwhile, 0 cut\n$/)
  })

  test('an upload half way arrives whole', async () => {
    const site = await Site.start(undo, fixture)
    const client = await site.connect()
    const body = async function* () {
      yield Buffer.alloc(100_000, 'a')
      await site.app.waitFor('draining')
      yield Buffer.alloc(100_000, 'b')
    }
    const answer = client.request({ method: 'POST', path: '/upload', body: body() })
    await site.app.waitFor('upload')
    await site.drain()
    const response = await answer
    expect(response).toMatchObject({ status: 200, closes: true })
    expect(JSON.parse(response.body.toString())).toMatchObject({ bytes: 200_000 })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('an unused connection gets a grace period, and no more', async () => {
    const site = await Site.start(undo, fixture, { firstRequestTimeout: 2000 })
    const [silent, late] = await site.connectMany(2)
    // Both are accepted before this third, later connection is answered.
    const third = await site.connect()
    await third.request()
    await third.close()
    const begun = performance.now()
    await site.drain()
    await expect(late!.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(silent!.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(performance.now() - begun).toBeLessThan(15_000)
  })

  test('requests unfinished at the deadline are cut and reported', async () => {
    const site = await Site.start(undo, fixture, { drainTimeout: 200 })
    const client = await site.connect()
    const lost = client.request({ path: '/hold?for=ever' }).catch((error: unknown) => error)
    await site.gates.visit()
    site.app.signal('SIGTERM')
    await expect(lost).resolves.toBeInstanceOf(LostRequest)
    await expect(site.app.exited).resolves.toEqual({ code: 1, signal: null })
    expect(site.app.stderr).toMatch(
      new RegExp(`pid ${site.app.pid}: cut .*GET /hold\\?for=ever .*${client.localPort}`),
    )
  })

  test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])(
    'a %s that is passed on a moment later, as npm does, cuts nothing',
    async (signal) => {
      // However late this test is: what arrives while the event loop is blocked has arrived at once.
      const site = await Site.start(undo, fixture, {}, { blocksAtDrain: true })
      const client = await site.connect()
      const answer = client.request({ path: '/hold' })
      const visit = await site.gates.visit()
      await site.drain(signal)
      site.app.signal(signal)
      site.app.signal('SIGTERM')
      site.unblock()
      await site.app.waitForStderr(/again: the same request to stop as/)
      visit.open()
      await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(site.app.stderr.match(/the same request to stop/g)).toHaveLength(1)
    },
  )

  test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])('a second %s ends it at once', async (signal) => {
    const site = await Site.start(undo, fixture)
    const client = await site.connect()
    const lost = client.request({ path: '/hold' }).catch((error: unknown) => error)
    await site.gates.visit()
    await site.drain()
    await site.app.waitFor('forceable')
    site.app.signal(signal)
    await expect(lost).resolves.toBeInstanceOf(LostRequest)
    await expect(site.app.exited).resolves.toEqual({ code: 128 + constants.signals[signal], signal: null })
  })
})

/** How it refuses connections, once it does: that it no longer accepts is not announced, so it is tried. */
async function refusal(site: Site): Promise<string | undefined> {
  for (let tries = 0; tries < 500; tries += 1) {
    try {
      const client = await site.connect()
      client.destroy()
    } catch (error) {
      if (!(error instanceof ConnectionRefused)) throw error
      // It was in the queue as that closed: no answer to the question yet.
      if (error.code !== 'ECONNRESET') return error.code
    }
    await delay(10)
  }
  throw new Error('it goes on accepting connections')
}
