import { leftovers, type RawClient } from '@zerodrop/traffic'
import { DrainSite } from './support/drain-site.ts'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

/** Sends half of an upload, and resolves when the answer to it has come whole. */
async function uploadHalf(client: RawClient, path = '/early'): Promise<void> {
  client.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n`)
  client.write(Buffer.alloc(100_000))
  await client.nextResponse()
}

const otherHalf = Buffer.alloc(100_000)

describePosix.each(['http', 'https'] as const)(
  '%s: an upload that was answered half way, before a stop',
  (protocol) => {
    // Far from the deadline, which is 20 s away.
    const linger = { lingerTimeout: 1000, firstRequestTimeout: 1000 }

    test('ends with the linger when its rest comes before that', async () => {
      const site = await start(protocol, linger)
      const client = await site.connect()
      await uploadHalf(client)
      await site.drain()
      client.write(otherHalf)
      await expect(client.ended).resolves.toBe('fin')
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(tookOf(site)).toBeLessThan(15_000)
    })

    test('is followed by another request, which is answered', async () => {
      const site = await start(protocol)
      const client = await site.connect()
      await uploadHalf(client)
      await site.drain()
      client.write(otherHalf)
      client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await expect(client.nextResponse()).resolves.toMatchObject({ status: 200, closes: true })
      await expect(client.ended).resolves.toBe('fin')
      await expect(site.app.exited).resolves.toEqual(clean)
    })

    test('ends with the linger when its rest never comes, and nothing is cut', async () => {
      const site = await start(protocol, linger)
      const client = await site.connect()
      await uploadHalf(client)
      await site.drain()
      await expect(client.ended).resolves.toBe('fin')
      client.write(otherHalf)
      client.end()
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(tookOf(site)).toBeLessThan(15_000)
      expect(site.app.stderr).toContain('0 cut')
    })

    test('is read to its end by an application that wants it', async () => {
      const site = await start(protocol, linger)
      const [client, idle] = [await site.connect(), await site.connect()]
      await idle.request()
      await uploadHalf(client, '/accepted')
      await site.drain()
      // The linger is over.
      await expect(idle.ended).resolves.toBe('fin')
      client.write(otherHalf)
      await expect(site.app.waitFor('accepted')).resolves.toMatchObject({ bytes: 200_000 })
      await expect(client.ended).resolves.toBe('fin')
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(tookOf(site)).toBeLessThan(15_000)
    })
  },
)

describePosix('an upload that was answered half way, before a restart', () => {
  test.each([
    ['', Buffer.alloc(0)],
    [', with an empty line behind it', Buffer.from('\r\n')],
  ])('moves once the rest of the upload has arrived%s', async (_what, more) => {
    const site = await Site.start(undo, 'http.mjs')
    const client = await site.connect()
    await uploadHalf(client)
    const { before, after } = await site.restart()
    client.write(Buffer.concat([otherHalf, more]))
    await site.app.exitOf(before)
    expect(identityOf(await client.request())).toMatchObject({ pid: after })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).not.toContain('cut at the deadline')
  })

  test('ends at the deadline when its rest never comes, and nothing is cut', async () => {
    const site = await Site.start(undo, 'http.mjs', { drainTimeout: 1000 })
    const client = await site.connect()
    await uploadHalf(client)
    await site.restart()
    await expect(client.ended).resolves.toBe('fin')
    client.end()
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

/** A server that tells its clients that it waits longer than any of these tests. */
function start(protocol: 'http' | 'https', options: object = {}): Promise<DrainSite> {
  return DrainSite.start(undo, 'http', { protocol, options, keepAliveTimeout: 60_000 })
}

/** Milliseconds that the drain took, by its report. */
function tookOf({ app }: DrainSite): number {
  return Number(/drained in (\d+) ms/.exec(app.stderr)?.[1])
}
