import { leftovers, startDelayProxy, startTraffic } from '@zerodrop/traffic'
import { describePosix, identityOf, restartsOnly, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const MEGABYTE = 1024 * 1024

describePosix.each(targets)('%s restarts', (_name, fixture) => {
  test('under load, on SIGHUP and SIGUSR2, and loses no request and no connection', async () => {
    const site = await Site.start(undo, fixture)
    const proxy = await startDelayProxy({ targetPort: site.port, roundTrip: 30 })
    undo.add(() => proxy.close())
    const traffic = startTraffic({
      port: proxy.port,
      directPort: site.port,
      keepAliveClients: 20,
      connectionClients: 2,
      slowClients: 3,
      uploadClients: 3,
      paths: { slow: '/slow?ms=100' },
    })
    undo.add(() => traffic.stop())
    await traffic.after(100)
    for (const [version, signal] of [
      ['2', 'SIGHUP'],
      ['3', 'SIGUSR2'],
      ['4', 'SIGHUP'],
    ] as const) {
      site.deploy(version)
      traffic.mark(version)
      const { before } = await site.restart(signal)
      await site.app.exitOf(before)
      await traffic.after(100)
    }
    const report = await traffic.stop()
    expect(report).toMatchObject({ lost: 0, losses: [], refused: 0, versions: ['1', '2', '3', '4'] })
    expect(report.connections).toEqual({ clients: 26, opened: 26, kept: 26, closed: 0, reset: 0 })
    expect(report.pids).toEqual(site.app.pids())
    expect(proxy.refusedUpstream).toBe(0)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })

  test('idle and unused connections move to the new process', async () => {
    const site = await Site.start(undo, fixture)
    const idle = await site.connectMany(10)
    const silent = await site.connectMany(10)
    await Promise.all(idle.map((client) => client.request()))
    site.deploy('2')
    const { before, after } = await site.restart()
    await site.app.exitOf(before)
    for (const client of [...idle, ...silent])
      expect(identityOf(await client.request())).toEqual({ version: '2', pid: after, generation: 2 })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('a request in flight is finished by the old process, the next is answered by the new one', async () => {
    const site = await Site.start(undo, fixture)
    const client = await site.connect()
    const answer = client.request({ path: '/hold' })
    const visit = await site.gates.visit()
    site.deploy('2')
    const { before, after } = await site.restart()
    // The new process serves beside the old one already.
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ version: '2', pid: after })
    visit.open()
    const response = await answer
    expect(response).toMatchObject({ status: 200, closes: false })
    expect(identityOf(response)).toEqual({ version: '1', pid: before, generation: 1 })
    await site.app.exitOf(before)
    expect(identityOf(await client.request())).toEqual({ version: '2', pid: after, generation: 2 })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('pipelined requests are answered in order, and the connection is kept', async () => {
    const site = await Site.start(undo, fixture)
    const client = await site.connect()
    const paths = ['/hold?1', '/hold?2', '/hold?3']
    const answers = client.pipeline(paths)
    const visits = [await site.gates.visit(), await site.gates.visit(), await site.gates.visit()]
    const { before, after } = await site.restart()
    for (const visit of visits) visit.open()
    const responses = await answers
    expect(responses.map((response) => identityOf(response).pid)).toEqual([before, before, before])
    expect(responses.map(({ closes }) => closes)).toEqual([false, false, false])
    await site.app.exitOf(before)
    expect(identityOf(await client.request()).pid).toBe(after)
  })

  test('an answer to a slow reader arrives whole before its connection moves', async () => {
    const site = await Site.start(undo, fixture)
    const client = await site.connect()
    client.pause()
    const answer = client.request({ path: `/large?bytes=${20 * MEGABYTE}` })
    await site.app.waitFor('large')
    const { before, after } = await site.restart()
    client.resume()
    const response = await answer
    expect(response).toMatchObject({ status: 200, closes: false })
    expect(response.body).toHaveLength(20 * MEGABYTE)
    await site.app.exitOf(before)
    expect(identityOf(await client.request()).pid).toBe(after)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })

  test('an upload half way and a response half way arrive whole', async () => {
    const site = await Site.start(undo, fixture)
    const [uploader, reader] = await site.connectMany(2)
    const body = async function* () {
      yield Buffer.alloc(100_000, 'a')
      await site.app.waitFor('handing-over')
      yield Buffer.alloc(100_000, 'b')
    }
    const uploaded = uploader!.request({ method: 'POST', path: '/upload', body: body() })
    await site.app.waitFor('upload')
    const streamed = reader!.request({ path: '/stream' })
    const visit = await site.gates.visit()
    const { before, after } = await site.restart()
    visit.open()
    const upload = await uploaded
    expect(upload).toMatchObject({ status: 200, closes: false })
    expect(JSON.parse(upload.body.toString())).toMatchObject({ bytes: 200_000, pid: before })
    const stream = await streamed
    expect(stream).toMatchObject({ status: 200, closes: false })
    expect(stream.body.toString()).toBe('begin,end')
    await site.app.exitOf(before)
    for (const client of [uploader!, reader!]) expect(identityOf(await client.request()).pid).toBe(after)
  })

  test('connections in the accept queue are answered by one or the other', async () => {
    const site = await Site.start(undo, fixture)
    const blocker = await site.connect()
    const blocked = blocker.request({ path: '/block' })
    await site.app.waitFor('blocked')
    const before = await site.connectMany(15)
    const answers = before.map((client) => client.request())
    const old = site.app.signal('SIGHUP')
    const after = await site.connectMany(15)
    answers.push(blocked, ...after.map((client) => client.request()))
    site.unblock()
    for (const answer of await Promise.all(answers))
      expect(answer).toMatchObject({ status: 200, closes: false })
    await site.app.exitOf(old)
    for (const client of [blocker, ...before, ...after])
      expect(identityOf(await client.request()).generation).toBe(2)
  })
})
