import { leftovers } from '@zerodrop/traffic'
import { DrainSite, hooksOf } from './support/drain-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix.each(['http', 'https'] as const)('Fastify with forceCloseConnections over %s', (protocol) => {
  test.each([
    ['at SIGTERM', (site: DrainSite) => site.drain()],
    [
      'when the application closes it',
      async (site: DrainSite) => {
        const closer = await site.connect()
        await closer.request({ path: '/close' })
      },
    ],
  ])('answers in-flight requests when its own close() runs, %s', async (_when, stop) => {
    const site = await DrainSite.start(undo, 'fastify', {
      protocol,
      forceCloseConnections: true,
      options: { lingerTimeout: 100, firstRequestTimeout: 100 },
    })
    const clients = await site.connectMany(5)
    const answers = clients.map((client) => client.request({ path: '/hold' }))
    const visits = await Promise.all(clients.map(() => site.gates.visit()))
    await stop(site)
    // Right behind this hook Fastify closes all connections.
    await site.app.waitFor(({ name }) => name === 'preClose')
    for (const visit of visits) visit.open()
    for (const answer of await Promise.all(answers))
      expect(answer).toMatchObject({ status: 200, closes: true })
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(hooksOf(site.app)).toEqual(['preClose', 'onClose'])
  })
})
