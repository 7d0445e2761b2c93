import { once } from 'node:events'
import { leftovers, type RawClient } from '@zerodrop/traffic'
import { DrainSite } from './support/drain-site.ts'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const unclean = { code: 1, signal: null }

/** More than all buffers between the server and a client that does not read. */
const bytes = 30_000_000
const path = `/large?bytes=${bytes}`

/** Asks for a large answer, and stops to read when it has begun. */
async function begin(client: RawClient): Promise<{ answer: Promise<number | 'lost'> }> {
  const answer = client.request({ path, timeout: 60_000 }).then(
    ({ body }) => body.length,
    () => 'lost' as const,
  )
  await once(client.socket, 'data')
  client.pause()
  return { answer }
}

describePosix.each(['http', 'https'] as const)(
  '%s: a response that was ended and is still being sent',
  (protocol) => {
    const start = (options: object) => DrainSite.start(undo, 'http', { protocol, options })

    test('is delivered, however long after the linger', async () => {
      const site = await start({ lingerTimeout: 100, firstRequestTimeout: 100 })
      const [slow, idle] = [await site.connect(), await site.connect()]
      await idle.request()
      const { answer } = await begin(slow)
      await site.drain()
      // The linger is over.
      await expect(idle.ended).resolves.toBe('fin')
      slow.resume()
      await expect(answer).resolves.toBe(bytes)
      await expect(slow.ended).resolves.toBe('fin')
      await expect(site.app.exited).resolves.toEqual(clean)
      expect(site.app.stderr).toContain('1 finished, 0 served meanwhile, 0 cut')
    })

    test('is cut at the deadline, and named', async () => {
      const site = await start({ drainTimeout: 1000 })
      const slow = await site.connect()
      const { answer } = await begin(slow)
      await site.drain()
      await expect(site.app.exited).resolves.toEqual(unclean)
      slow.resume()
      await expect(answer).resolves.toBe('lost')
      expect(site.app.stderr).toMatch(/cut at the deadline: GET \/large\?bytes=\d+ from .* \(responding, /)
      expect(site.app.stderr).toContain('0 finished, 0 served meanwhile, 1 cut')
    })
  },
)

describePosix('a response that was ended and is still being sent when a successor takes over', () => {
  test('is delivered, and its connection moves after it', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const slow = await site.connect()
    const { answer } = await begin(slow)
    const { before, after } = await site.restart()
    slow.resume()
    await expect(answer).resolves.toBe(bytes)
    expect(identityOf(await slow.request())).toMatchObject({ pid: after })
    await site.app.exitOf(before)
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('is cut at the deadline, and named', async () => {
    const site = await Site.start(undo, 'http.mjs', { drainTimeout: 1000 })
    const slow = await site.connect()
    const { answer } = await begin(slow)
    await site.restart()
    await site.app.waitForStderr(/cut at the deadline: GET \/large\?bytes=\d+ from .* \(responding, /)
    await expect(site.app.exited).resolves.toEqual(unclean)
    slow.resume()
    await expect(answer).resolves.toBe('lost')
  })
})
