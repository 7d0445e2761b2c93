import { once } from 'node:events'
import WebSocket from 'ws'
import { leftovers } from '@zerodrop/traffic'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import type { SiteOptions, WebSockets } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const targets: [fixture: string, webSockets: WebSockets][] = [
  ['express', 'attached'],
  ['koa', 'noServer'],
  ['fastify', 'attached'],
  ['fastify', 'plugin'],
]

const MEGABYTE = 1024 * 1024

/** A close frame as the server sends it, and a client's, whose mask is zero. */
const closeFrame = [0x88, 2, 1001 >> 8, 1001 & 0xff]
const closeAnswer = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 1001 >> 8, 1001 & 0xff])

describePosix.each(targets)('%s with ws (%s) stops', (fixture, webSockets) => {
  const start = (options: SiteOptions['options'] = {}) =>
    ProtocolSite.start(undo, fixture, { webSockets, options })

  test('and closes WebSockets with 1001', async () => {
    const site = await start()
    const socket = await connect(site)
    const closed = once(socket, 'close')
    site.app.signal('SIGTERM')
    expect((await closed)[0]).toBe(1001)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.lines).toContainEqual(
      expect.objectContaining({ event: 'closed', url: '/socket', code: 1001 }),
    )
    expect(site.app.stderr).toContain('1 WebSockets told, 0 cut')
  })

  test('and tells them over closeSpread, not all at once', async () => {
    const spread = async (): Promise<{ half: number; whole: number }> => {
      const site = await start({ closeSpread: 600 })
      const sockets = await Promise.all(Array.from({ length: 6 }, () => connect(site)))
      const closes = sockets.map(async (socket) => {
        const [code] = (await once(socket, 'close')) as [number]
        return { code, at: performance.now() }
      })
      site.app.signal('SIGTERM')
      const all = await Promise.all(closes)
      expect(all.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => 1001))
      await expect(site.app.exited).resolves.toEqual(clean)
      const times = all.map(({ at }) => at).sort((one, other) => one - other)
      return { half: times[3]! - times[0]!, whole: times[5]! - times[0]! }
    }
    // The last is due five sixths of the window after the first; a machine that is held up brings them closer.
    let widest = await spread()
    for (let tries = 1; tries < 5 && (widest.half <= 200 || widest.whole <= 400); tries += 1)
      widest = await spread()
    expect(widest.half).toBeGreaterThan(200)
    expect(widest.whole).toBeGreaterThan(400)
  })

  test('and sends a large compressed message whole, before the close frame', async () => {
    const site = await start({ closeSpread: 0 })
    const sockets = await Promise.all(Array.from({ length: 4 }, () => connect(site)))
    const heard = sockets.map(async (socket) => {
      const messages: number[] = []
      socket.on('message', (data: Buffer) => messages.push(data.length))
      const [code] = (await once(socket, 'close')) as [number]
      return { messages, code }
    })
    for (const socket of sockets) socket.send(JSON.stringify({ large: 4 * MEGABYTE }))
    await site.app.waitFor('sending')
    site.app.signal('SIGTERM')
    const sent = { messages: [4 * MEGABYTE], code: 1001 }
    const results = await Promise.all(heard)
    // Whoever asked before the close frame came was answered.
    const asked = site.app.lines.filter(({ event }) => event === 'sending').length
    expect(asked).toBeGreaterThan(0)
    expect(results.filter(({ messages }) => messages.length > 0)).toEqual(
      Array.from({ length: asked }, () => sent),
    )
    for (const { code } of results) expect(code).toBe(1001)
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('cuts a WebSocket that does not answer at the deadline, and reports it', async () => {
    const site = await start({ drainTimeout: 400, closeSpread: 0 })
    const socket = await connect(site)
    const ended = once(socket, 'close')
    socket.pause()
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.cutLines()).toEqual([expect.stringMatching(/GET \/socket from .*\(upgraded/)])
    socket.resume()
    await ended
  })
})

describePosix('ws over TLS', () => {
  test.each(['express', 'koa', 'fastify', 'node'])('%s closes it with 1001', async (fixture) => {
    const site = await ProtocolSite.start(undo, fixture, { transport: 'https', webSockets: 'attached' })
    const socket = await connect(site)
    const closed = once(socket, 'close')
    site.app.signal('SIGTERM')
    expect((await closed)[0]).toBe(1001)
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describePosix('WebSockets', () => {
  test('are all sent the close frame at once with a closeSpread of 0', async () => {
    const time = async (): Promise<number> => {
      const site = await ProtocolSite.start(undo, 'node', {
        webSockets: 'attached',
        options: { closeSpread: 0 },
      })
      const sockets = await Promise.all(Array.from({ length: 20 }, () => connect(site)))
      const closes = sockets.map((socket) => once(socket, 'close'))
      const begun = performance.now()
      site.app.signal('SIGTERM')
      for (const [code] of await Promise.all(closes)) expect(code).toBe(1001)
      const took = performance.now() - begun
      await expect(site.app.exited).resolves.toEqual(clean)
      return took
    }
    // The default would take 950 ms, each time.
    let took = await time()
    for (let tries = 1; tries < 5 && took >= 900; tries += 1) took = await time()
    expect(took).toBeLessThan(900)
  })

  test.each(['express', 'fastify'])('%s: are closed with 1012 on a restart', async (fixture) => {
    const site = await ProtocolSite.start(undo, fixture, {
      webSockets: 'attached',
      options: { closeSpread: 0 },
    })
    const socket = await connect(site)
    const closed = once(socket, 'close')
    const { before, after } = await site.restart()
    expect((await closed)[0]).toBe(1012)
    await site.app.exitOf(before)
    const again = await connect(site)
    await expect(echo(again)).resolves.toBe('echo {}')
    expect(site.app.lines.at(-1)).toMatchObject({ event: 'connected', pid: after })
    again.close()
    await once(again, 'close')
  })

  test('a WebSocket that is being upgraded at the signal is accepted and then closed', async () => {
    const site = await ProtocolSite.start(undo, 'node', {
      webSockets: 'noServer',
      options: { closeSpread: 0 },
    })
    const socket = new WebSocket(`ws://127.0.0.1:${site.port}/hold`)
    undo.add(() => socket.terminate())
    const opened = once(socket, 'open')
    const closed = once(socket, 'close')
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    await opened
    expect((await closed)[0]).toBe(1001)
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('a WebSocket whose upgrade request is on its way at the signal is accepted and then closed', async () => {
    const site = await ProtocolSite.start(undo, 'node', { webSockets: 'attached' })
    const client = await site.connect(await site.distant(30))
    await client.request()
    const upgraded = client.request({
      path: '/socket',
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'MDEyMzQ1Njc4OWFiY2RlZg==',
      },
    })
    // Half a round trip before the request.
    site.app.signal('SIGTERM')
    await expect(upgraded).resolves.toMatchObject({ status: 101 })
    expect([...(await client.nextUpgraded())]).toEqual(closeFrame)
    client.write(closeAnswer)
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('of an implementation that does not answer close frames are ended too', async () => {
    const site = await ProtocolSite.start(undo, 'node', { webSockets: 'plain', options: { closeSpread: 0 } })
    const client = await site.connect()
    await upgrade(client, 'websocket')
    site.app.signal('SIGTERM')
    expect([...(await client.nextUpgraded())]).toEqual(closeFrame)
    client.write(closeAnswer)
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('of which the client is silent are ended at the deadline, and named', async () => {
    const site = await ProtocolSite.start(undo, 'node', {
      webSockets: 'plain',
      options: { closeSpread: 0, drainTimeout: 300 },
    })
    const client = await site.connect()
    await upgrade(client, 'websocket')
    site.app.signal('SIGTERM')
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.cutLines()).toEqual([
      expect.stringMatching(new RegExp(`GET /socket from .*:${client.localPort} \\(upgraded`)),
    ])
  })
})

describePosix('another protocol', () => {
  test('is left alone until the deadline', async () => {
    const site = await ProtocolSite.start(undo, 'node', {
      webSockets: 'other',
      options: { drainTimeout: 2000 },
    })
    const client = await site.connect()
    await upgrade(client, 'echo')
    await site.drain()
    client.write('still here')
    expect((await client.nextUpgraded()).toString()).toBe('still here')
    await expect(client.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.cutLines()).toEqual([expect.stringMatching(/GET \/socket from .*\(upgraded/)])
  })

  test('that ends before the deadline is not cut', async () => {
    const site = await ProtocolSite.start(undo, 'node', { webSockets: 'other' })
    const client = await site.connect()
    await upgrade(client, 'echo')
    await site.drain()
    await client.close()
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test.each(['express', 'koa', 'fastify', 'node'])(
    '%s: an upgrade that nobody listens for is an ordinary request',
    async (fixture) => {
      const site = await ProtocolSite.start(undo, fixture)
      const client = await site.connect()
      const answer = client.request({
        headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
      })
      await expect(answer).resolves.toMatchObject({ status: 200 })
      await client.close()
      site.app.signal('SIGTERM')
      await expect(site.app.exited).resolves.toEqual(clean)
    },
  )
})

async function connect({ port, secure }: ProtocolSite): Promise<WebSocket> {
  const url = `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}/socket`
  const socket = new WebSocket(url, { rejectUnauthorized: false })
  undo.add(() => socket.terminate())
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

async function echo(socket: WebSocket): Promise<string> {
  const message = once(socket, 'message')
  socket.send('{}')
  return String((await message)[0])
}

async function upgrade(
  client: Awaited<ReturnType<ProtocolSite['connect']>>,
  protocol: string,
): Promise<void> {
  const answer = client.request({
    path: '/socket',
    headers: { connection: 'Upgrade', upgrade: protocol },
  })
  expect(await answer).toMatchObject({ status: 101 })
}
