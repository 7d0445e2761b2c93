import net from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { leftovers } from '@zerodrop/traffic'
import { DrainSite, frameworks, hooksOf, hooksRunBy } from './support/drain-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

describePosix.each(frameworks)('%s: handshakes of TLS', (framework) => {
  test('connections in the accept queue are answered', async () => {
    const site = await DrainSite.start(undo, framework, { protocol: 'https' })
    const blocker = await site.connect()
    const blocked = blocker.request({ path: '/block' })
    await site.app.waitFor('blocked')
    const before = ask(site, 15)
    // Whatever a client says now waits with its connection in the kernel.
    await connected(site)
    site.app.signal('SIGTERM')
    const after = ask(site, 15)
    await connected(site)
    site.unblock()
    await expect(blocked).resolves.toMatchObject({ status: 200 })
    for (const answer of await Promise.all([...before, ...after])) expect(answer).toBe(200)
    await blocker.close()
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('a handshake in progress is completed, and its request is answered', async () => {
    const site = await DrainSite.start(undo, framework, { protocol: 'https' })
    const holder = await withholder(site.port, 100)
    const client = site.connect({ port: holder.port })
    await holder.held
    // Answered behind it, so by then the server has read what there is of that handshake.
    const witness = await site.connect()
    await witness.request()
    await witness.close()
    await site.drain()
    holder.release()
    await expect((await client).request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect((await client).ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(hooksOf(site.app)).toEqual(hooksRunBy(framework))
  })

  test('a late handshake without a request does not delay the exit', async () => {
    const site = await DrainSite.start(undo, framework, {
      protocol: 'https',
      options: { firstRequestTimeout: 50, lingerTimeout: 4000 },
    })
    const holder = await withholder(site.port, 100)
    const client = site.connect({ port: holder.port })
    await holder.held
    const silent = await site.connect()
    const witness = await site.connect()
    await witness.request()
    const begun = performance.now()
    await site.drain()
    await witness.close()
    // The time in which a first request may come is over.
    await silent.ended
    holder.release()
    await expect((await client).ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(performance.now() - begun).toBeLessThan(15_000)
  })

  test('a handshake that never completes is abandoned at the end of the linger', async () => {
    const site = await DrainSite.start(undo, framework, {
      protocol: 'https',
      options: { firstRequestTimeout: 50, lingerTimeout: 300 },
    })
    const holder = await withholder(site.port, 100)
    const refused = site.connect({ port: holder.port }).catch(() => 'refused')
    await holder.held
    const witness = await site.connect()
    await witness.request()
    await witness.close()
    await site.drain()
    await expect(refused).resolves.toBe('refused')
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

/** Requests on connections of their own; each resolves with the status, or with what went wrong. */
function ask(site: DrainSite, count: number): Promise<unknown>[] {
  return Array.from({ length: count }, async () => {
    try {
      const client = await site.connect({ timeout: 15_000 })
      const { status } = await client.request()
      await client.close()
      return status
    } catch (error) {
      return error
    }
  })
}

/** Resolves when all connects made before it are in the kernel's queue: it keeps them in order. */
async function connected(site: DrainSite): Promise<void> {
  const socket = net.connect(site.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
}

/** A way to the server on which nothing behind the client's first bytes goes on until it is released. */
async function withholder(
  target: number,
  first: number,
): Promise<{ port: number; held: Promise<void>; release: () => void }> {
  let hold!: () => void
  let open!: () => void
  const held = new Promise<void>((resolve) => (hold = resolve))
  const released = new Promise<void>((resolve) => (open = resolve))
  const sockets: Socket[] = []
  const server = net.createServer((client) => {
    const upstream = net.connect(target, '127.0.0.1')
    sockets.push(client, upstream)
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy())
    upstream.pipe(client)
    client.once('data', (chunk: Buffer) => {
      client.pause()
      upstream.write(chunk.subarray(0, first), () => hold())
      void released.then(() => {
        upstream.write(chunk.subarray(first))
        client.pipe(upstream)
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.add(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as net.AddressInfo).port, held, release: open }
}
