import { once } from 'node:events'
import WebSocket from 'ws'
import { leftovers, type RawClient } from '@zerodrop/traffic'
import { H2Wire } from './support/h2-wire.ts'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import type { SiteOptions } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** A server that gets connections as Duplex streams, and the port at which it gets them. */
async function start(settings: SiteOptions): Promise<{ site: ProtocolSite; front: number }> {
  const site = await ProtocolSite.start(undo, 'duplex', settings)
  const { front } = await site.app.waitFor('front')
  return { site, front: front as number }
}

describePosix.each(['http', 'https'] as const)('%s over a Duplex that is no socket', (transport) => {
  test('a stop answers in-flight requests, and ends idle and unused connections', async () => {
    const options = { lingerTimeout: 300, firstRequestTimeout: 200 }
    const { site, front } = await start({ transport, options })
    const [busy, idle, unused] = await connectMany(site, front, 3)
    await idle!.request()
    const held = busy!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    await expect(unused!.ended).resolves.toBe('fin')
    await expect(idle!.ended).resolves.toBe('fin')
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(busy!.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('1 finished, 0 served meanwhile, 0 cut')
  })

  test('a request that arrives during the drain is answered', async () => {
    const { site, front } = await start({ transport })
    const [busy, idle] = await connectMany(site, front, 2)
    await idle!.request()
    const held = busy!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    await expect(idle!.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(idle!.ended).resolves.toBe('fin')
    visit.open()
    await held
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('the deadline cuts in-flight requests, and reports them', async () => {
    const { site, front } = await start({ transport, options: { drainTimeout: 300 } })
    const [busy] = await connectMany(site, front, 1)
    const held = busy!.request({ path: '/hold' }).catch((error: unknown) => error)
    await site.gates.visit()
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(unclean)
    await held
    expect(site.cutLines()).toEqual([
      expect.stringContaining('GET /hold from a client without an address (handling'),
    ])
  })

  test('a restart drains it: it cannot move', async () => {
    const { site, front } = await start({ transport, options: { lingerTimeout: 500 } })
    const [busy, idle] = await connectMany(site, front, 2)
    await idle!.request()
    const held = busy!.request({ path: '/hold' })
    const visit = await site.gates.visit()
    const { before } = await site.restart()
    await expect(idle!.ended).resolves.toBe('fin')
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await site.app.exitOf(before)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.cutLines()).toEqual([])
    expect(site.app.stderr).not.toMatch(/Error/)
  })

  test('a WebSocket of ws is closed with 1001', async () => {
    const { site, front } = await start({ transport, webSockets: 'attached' })
    const url = `${site.secure ? 'wss' : 'ws'}://127.0.0.1:${front}/socket`
    const socket = new WebSocket(url, { rejectUnauthorized: false })
    undo.add(() => socket.terminate())
    await once(socket, 'open')
    const closed = once(socket, 'close')
    site.app.signal('SIGTERM')
    expect((await closed)[0]).toBe(1001)
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describePosix.each(['h2c', 'h2'] as const)('%s over a Duplex that is no socket', (transport) => {
  test('a stop finishes the streams of a session', async () => {
    const { site, front } = await start({ transport })
    const [busy, idle] = await Promise.all([1, 2].map(() => H2Wire.connect(undo, front, site.secure)))
    for (const wire of [busy!, idle!]) wire.pongAlways()
    idle!.get('/')
    await idle!.next('DATA')
    const held = busy!.get('/hold')
    const visit = await site.gates.visit()
    site.app.signal('SIGTERM')
    await idle!.ended
    visit.open()
    await busy!.ended
    expect(busy!.body(held)).toBeDefined()
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('the deadline cuts a stream, and names it', async () => {
    const { site, front } = await start({ transport, options: { drainTimeout: 300 } })
    const wire = await H2Wire.connect(undo, front, site.secure, { allowHalfOpen: true })
    wire.get('/hold')
    await site.gates.visit()
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.cutLines()).toEqual([
      expect.stringContaining('GET /hold from a client without an address (handling'),
    ])
  })
})

describePosix('an upgrade request whose body has not come', () => {
  const head = [
    'POST /socket HTTP/1.1',
    'host: localhost',
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==',
    'content-length: 5',
  ]

  test.each(['SIGTERM', 'SIGHUP'] as const)('does not break a drain at %s', async (signal) => {
    const site = await ProtocolSite.start(undo, 'node', {
      webSockets: 'plain',
      options: { drainTimeout: 500, closeSpread: 0 },
    })
    const client = await site.connect()
    client.write(`${head.join('\r\n')}\r\n\r\n`)
    await site.app.waitFor('connected')
    const before = site.app.signal(signal)
    await client.ended
    await site.app.exitOf(before)
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.cutLines()).toEqual([expect.stringMatching(/POST \/socket from .*\(upgraded/)])
    expect(site.app.stderr).not.toMatch(/TypeError/)
  })
})

async function connectMany(site: ProtocolSite, port: number, count: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => site.connect(port)))
}
