import { once } from 'node:events'
import { leftovers, LostRequest } from '@zerodrop/traffic'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import type { SiteOptions } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix.each(['express', 'koa', 'fastify', 'node'])('%s: a long stream', (fixture) => {
  const start = (options: SiteOptions['options'] = {}) => ProtocolSite.start(undo, fixture, { options })

  test('that ends when it is notified of the drain reaches its client whole', async () => {
    const site = await start()
    const client = await site.connect()
    const answer = client.request({ path: '/events' })
    await once(client.socket, 'data')
    site.app.signal('SIGTERM')
    const response = await answer
    expect(response).toMatchObject({ status: 200, headers: { 'transfer-encoding': 'chunked' } })
    expect(response.body.toString()).toBe('data: begin\n\ndata: bye\n\n')
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.lines).toContainEqual(
      expect.objectContaining({ event: 'told', code: 'ERR_ZERODROP_DRAINING' }),
    )
  })

  test('is ended at the deadline: with a correct end if clients can tell it from a complete response, otherwise cut', async () => {
    const site = await start({ drainTimeout: 300 })
    const [events, watched, download] = [await site.connect(), await site.connect(), await site.connect()]
    const answers = [
      events.request({ path: '/events-deaf' }),
      watched.request({ path: '/watched' }),
      download.request({ path: '/download?file' }).catch((error: unknown) => error),
    ]
    await Promise.all([events, watched, download].map(({ socket }) => once(socket, 'data')))
    site.app.signal('SIGTERM')
    const [ended, alsoEnded, cut] = await Promise.all(answers)
    for (const answer of [ended, alsoEnded]) {
      expect(answer).toMatchObject({ status: 200, body: Buffer.from('data: begin\n\n') })
    }
    expect(cut).toBeInstanceOf(LostRequest)
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.app.stderr).toContain('0 finished, 0 served meanwhile, 3 cut')
    // In no order: Node's list of connections has none.
    expect(site.cutLines().sort((one, other) => one.localeCompare(other))).toEqual([
      expect.stringMatching(/GET \/download\?file from .*\(responding/),
      expect.stringMatching(/GET \/events-deaf from .*\(responding/),
      expect.stringMatching(/GET \/watched from .*\(responding/),
    ])
  })

  test('is notified of a restart too, and its connection moves to the successor', async () => {
    const site = await start()
    const client = await site.connect()
    const answer = client.request({ path: '/events' })
    await once(client.socket, 'data')
    const { before, after } = await site.restart()
    const response = await answer
    expect(response).toMatchObject({ status: 200, closes: false })
    expect(response.body.toString()).toBe('data: begin\n\ndata: bye\n\n')
    await site.app.exitOf(before)
    const next = await client.request()
    expect(JSON.parse(next.body.toString())).toMatchObject({ pid: after, generation: 2 })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('of a kind that ends leaves nothing behind, and no warning', async () => {
    const site = await ProtocolSite.start(undo, fixture, { execArgv: ['--expose-gc'] })
    const client = await site.connect()
    // Half of them pipelined: those share their connection's one response that is being written.
    const glance = async (): Promise<void> => {
      const one = await Promise.all(
        Array.from({ length: 250 }, () => '/glance').map((path) => client.request({ path })),
      )
      const other: typeof one = []
      for (let done = 0; done < 250; done += 1) other.push(await client.request({ path: '/glance' }))
      for (const { body } of [...one, ...other])
        expect(JSON.parse(body.toString())).toEqual({ aborted: false })
    }
    const heap = async (): Promise<number> => {
      const { body } = await client.request({ path: '/memory' })
      return (JSON.parse(body.toString()) as { heap: number }).heap
    }
    // The first rounds also fill caches.
    await glance()
    await glance()
    // What is kept for each request is kept in every round; caches fill in some.
    let grown = Infinity
    for (let round = 0; round < 5 && grown >= 200_000; round += 1) {
      const before = await heap()
      await glance()
      grown = Math.min(grown, (await heap()) - before)
    }
    // A controller that was kept for each request would be more than 1 kB each.
    expect(grown).toBeLessThan(200_000)
    expect(site.app.lines.filter(({ event }) => event === 'warning')).toEqual([])
    await client.close()
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})
