import { sizeOf } from '../src/process-size.ts'
import { freePort, leftovers, RawClient, startTraffic } from '@zerodrop/traffic'
import { Deployment } from './support/deployment.ts'
import { describePosix, identityOf, restartsOnly } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const count = 2000
const atOnce = 100

async function inBatches<Item, Result>(
  items: Item[],
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let from = 0; from < items.length; from += atOnce)
    results.push(...(await Promise.all(items.slice(from, from + atOnce).map(act))))
  return results
}

describePosix('two thousand idle connections', () => {
  test('move again and again while other clients send requests, and leave nothing behind', async () => {
    const port = await freePort()
    const site = await Deployment.start(undo, {
      servers: [{ kind: 'http', name: 'web', listen: { port }, set: { keepAliveTimeout: 120_000 } }],
      options: { drainTimeout: 60_000 },
    })
    const clients = await inBatches(Array.from({ length: count }), () => RawClient.connect({ port }))
    undo.add(() => clients.forEach((client) => client.destroy()))
    await inBatches(clients, (client) => client.request())
    const traffic = startTraffic({
      port,
      keepAliveClients: 3,
      connectionClients: 1,
      slowClients: 0,
      uploadClients: 0,
    })
    undo.add(() => traffic.stop())
    await traffic.after(20)
    const sizes = [sizeOf(site.app.pid)]
    for (let restart = 0; restart < 3; restart += 1) {
      const { before, after } = await site.begin()
      await site.app.exitOf(before, { timeout: 60_000 })
      await traffic.after(20)
      const answers = await inBatches(clients, (client) => client.request())
      expect(new Set(answers.map((answer) => identityOf(answer).pid))).toEqual(new Set([after]))
      sizes.push(sizeOf(after))
    }
    await expect(traffic.stop()).resolves.toMatchObject({ lost: 0, losses: [], refused: 0 })
    expect(site.app.stderr).toMatch(restartsOnly)
    const [first, ...others] = sizes
    if (first === undefined) return
    for (const size of others) {
      // A connection of the traffic can be there or not.
      expect(Math.abs(size!.descriptors - first.descriptors)).toBeLessThan(10)
      expect(size!.memory).toBeLessThan(first.memory * 1.5)
    }
  })
})
