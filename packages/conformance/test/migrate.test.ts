import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { Deployment, type ServerSpec } from './support/deployment.ts'
import { describePosix, identityOf, restartsOnly, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const patient = { drainTimeout: 20_000, lingerTimeout: 20_000, firstRequestTimeout: 20_000 }

async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.connect({ port })
  undo.add(() => client.destroy())
  return client
}

async function server(more: Partial<ServerSpec> = {}): Promise<ServerSpec & { port: number }> {
  const port = await freePort()
  return {
    kind: 'http',
    name: 'web',
    listen: { port },
    port,
    ...more,
    set: { keepAliveTimeout: 60_000, ...more.set },
  }
}

/** Resolves when this process answers: a request that comes before its connection has set out is answered here. */
async function moved(client: RawClient, pid: number): Promise<void> {
  while (identityOf(await client.request()).pid !== pid);
}

describePosix.each(targets)('%s with migrate: false', (_name, fixture) => {
  test('drains its connections as at a stop, while the successor serves', async () => {
    const site = await Site.start(undo, fixture, { migrate: false })
    const [idle, held] = await site.connectMany(2)
    await idle!.request()
    const answer = held!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    site.deploy('2')
    const { before, after } = await site.restart()
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: after })
    visit.open()
    for (const response of [await answer, await idle!.request()]) {
      expect(response).toMatchObject({ status: 200, closes: true })
      expect(identityOf(response)).toMatchObject({ pid: before })
    }
    await expect(Promise.all([idle!.ended, held!.ended])).resolves.toEqual(['fin', 'fin'])
    await site.app.exitOf(before)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })
})

describePosix('a function migrate', () => {
  test('keeps the connections it names, which drain while the others move', async () => {
    const spec = await server()
    const site = await Deployment.start(undo, {
      servers: [spec],
      options: { ...patient, migrate: 'unmarked' },
    })
    const [moves, stays, pipelines] = [
      await connect(spec.port),
      await connect(spec.port),
      await connect(spec.port),
    ]
    await moves.request()
    for (const client of [stays, pipelines]) await client.request({ path: '/keep' })
    const { before, after } = await site.begin()
    await moved(moves, after)
    const last = await stays.request()
    expect([identityOf(last).pid, last.closes]).toEqual([before, true])
    const answers = await pipelines.pipeline(['/', '/', '/'])
    expect(answers.map((each) => [identityOf(each).pid, each.closes])).toEqual([
      [before, false],
      [before, false],
      [before, true],
    ])
    await expect(stays.ended).resolves.toBe('fin')
    await site.app.exitOf(before)
    expect(identityOf(await moves.request())).toMatchObject({ pid: after })
    expect(site.app.stderr).toMatch(restartsOnly)
  })

  test('allows a kept connection without a request its usual time', async () => {
    const spec = await server()
    const options = { ...patient, lingerTimeout: 300, migrate: 'unmarked' } as const
    const site = await Deployment.start(undo, { servers: [spec], options })
    const stays = await connect(spec.port)
    await stays.request({ path: '/keep' })
    const { before } = await site.restart()
    await expect(stays.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.isAlive(before)).toBe(false)
  })

  test.each(['throws', 'promises'] as const)('that %s means no, and is reported once', async (migrate) => {
    const spec = await server()
    const site = await Deployment.start(undo, { servers: [spec], options: { ...patient, migrate } })
    const clients = [await connect(spec.port), await connect(spec.port)]
    for (const client of clients) await client.request()
    const { before } = await site.begin()
    for (const client of clients) {
      const last = await client.request()
      expect([identityOf(last).pid, last.closes]).toEqual([before, true])
    }
    await site.app.exitOf(before)
    expect(site.app.stderr.match(/ERR_ZERODROP_MIGRATE_FAILED/g)).toHaveLength(1)
  })
})

describePosix('migrate of one server', () => {
  test.each([true, false])('overrides that of the process: %p', async (own) => {
    const [special, web] = [await server({ attach: { migrate: own } }), await server()]
    const site = await Deployment.start(undo, {
      servers: [special, web],
      options: { ...patient, ...(own && { migrate: 'none' }) },
    })
    const [inSpecial, inWeb] = [await connect(special.port), await connect(web.port)]
    for (const client of [inSpecial, inWeb]) await client.request()
    const { before, after } = await site.begin()
    const [moves, kept] = own ? [inSpecial, inWeb] : [inWeb, inSpecial]
    await moved(moves, after)
    const last = await kept.request()
    expect([identityOf(last).pid, last.closes]).toEqual([before, true])
  })
})
