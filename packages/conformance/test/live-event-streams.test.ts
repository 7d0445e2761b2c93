import { once } from 'node:events'
import net from 'node:net'
import { leftovers } from '@zerodrop/traffic'
import { type LiveDeploy, LiveSite } from './support/live-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** What a client reads of an event stream, over a connection of its own. */
class EventClient {
  readonly socket: net.Socket
  /** 'fin' if the server has closed its side. */
  readonly ended: Promise<'fin' | 'reset'>
  raw = ''
  #ended = false

  static async open(port: number, path: string, lines = '', version = '1.1'): Promise<EventClient> {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.setNoDelay(true)
    await once(socket, 'connect')
    undo.add(() => socket.destroy())
    socket.write(`GET ${path} HTTP/${version}\r\nHost: x\r\n${lines}\r\n`)
    return new EventClient(socket)
  }

  private constructor(socket: net.Socket) {
    this.socket = socket
    this.ended = new Promise((resolve) => {
      socket.on('end', () => resolve('fin'))
      socket.on('error', () => resolve('reset'))
    })
    void this.ended.then(() => (this.#ended = true))
    socket.on('data', (chunk: Buffer) => (this.raw += chunk.toString('latin1')))
  }

  get open(): boolean {
    return !this.#ended
  }

  /** The body with its framing taken off; whatever does not belong to the framing stays in it, and is seen. */
  get body(): string {
    const at = this.raw.indexOf('\r\n\r\n')
    const [head, rest] = [this.raw.slice(0, at), this.raw.slice(at + 4)]
    if (!/transfer-encoding: chunked/i.test(head)) return rest
    let body = ''
    for (let index = 0; index < rest.length; ) {
      const end = rest.indexOf('\r\n', index)
      if (end < 0) break
      const size = Number.parseInt(rest.slice(index, end), 16)
      if (Number.isNaN(size) || rest.length < end + 2 + size) break
      if (size === 0) return `${body}[end]${rest.slice(end + 4)}`
      body += rest.slice(end + 2, end + 2 + size)
      index = end + 2 + size + 2
    }
    return body
  }

  get ids(): number[] {
    return [...this.body.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
  }

  /** The whole events, one for each that the client would dispatch. */
  get events(): string[] {
    const blocks = this.body.split('\n\n').slice(0, -1)
    return blocks.filter((block) => block.includes('data:'))
  }

  async until(condition: (client: this) => boolean): Promise<void> {
    while (!condition(this)) await once(this.socket, 'data')
  }

  async untilGeneration(generation: number): Promise<void> {
    await this.until(({ body }) => body.includes(`of ${generation}\n\n`))
  }
}

/** No gap, no duplicate, in order, and every event whole. */
function expectWhole(client: EventClient): void {
  const { ids, events } = client
  expect(ids.length).toBeGreaterThan(1)
  expect(ids).toEqual(Array.from(ids, (_, index) => ids[0]! + index))
  for (const event of events) expect(event).toMatch(/^(: hello\n\n)?id: \d+\ndata: event \d+ of \d+$/)
  expect(client.raw.match(/HTTP\/1/g)).toHaveLength(1)
}

const feed = { period: 5 }

describePosix.each([
  ['http', '/events'],
  ['http', '/pieces'],
  ['express', '/events'],
  ['express', '/mounted/events'],
  ['koa', '/events'],
  ['fastify', '/events'],
  ['fastify', '/hijacked'],
])('an event stream of %s at %s', (fixture, path) => {
  test('moves at each restart, and every event comes once', async () => {
    const site = await LiveSite.start(undo, fixture, { feed })
    const distant = await site.distant(30)
    const clients = await Promise.all([
      EventClient.open(site.port, path, 'Accept: text/event-stream\r\n'),
      EventClient.open(distant, path),
    ])
    for (const client of clients) await client.until(({ ids }) => ids.length > 5)
    for (let generation = 2; generation <= 3; generation++) {
      const { complete } = await site.restart()
      expect(complete).toMatchObject({ migrated: 2, streams: { sent: 2 }, websockets: { sent: 0 }, cut: 0 })
      await Promise.all(clients.map((client) => client.untilGeneration(generation)))
    }
    for (const client of clients) {
      expect(client.open).toBe(true)
      expectWhole(client)
    }
  })
})

describePosix('an event stream that moves', () => {
  test('goes on over HTTP/1.0, without chunks', async () => {
    const site = await LiveSite.start(undo, 'http', { feed })
    const client = await EventClient.open(site.port, '/events', '', '1.0')
    await client.until(({ ids }) => ids.length > 5)
    await site.restart()
    await client.untilGeneration(2)
    expectWhole(client)
    expect(client.raw).not.toMatch(/chunked/i)
  })

  test('is handled as after a reconnect, with the saved state', async () => {
    const site = await LiveSite.start(undo, 'http', { feed: { period: 20 } })
    const client = await EventClient.open(site.port, '/events', 'Last-Event-ID: 0\r\nX-Own: 1\r\n')
    await client.until(({ ids }) => ids.length > 1)
    const { after } = await site.restart()
    await client.untilGeneration(2)
    const begun = site.app.lines.filter(({ event }) => event === 'stream')
    expect(begun).toEqual([
      expect.objectContaining({ generation: 1, last: 0 }),
      expect.objectContaining({ pid: after, restored: true }),
    ])
    expect(begun[1]!['last']).toBeGreaterThan(0)
    expect(begun[0]).not.toHaveProperty('restored')
    expect(site.app.lines.filter(({ event }) => event === 'stream-closed')).toEqual([
      expect.objectContaining({ generation: 1 }),
    ])
  })

  test('and ends serves the next request on its connection, which is not a restored one', async () => {
    const site = await LiveSite.start(undo, 'http', { feed })
    const client = await EventClient.open(site.port, '/until')
    await client.until(({ ids }) => ids.length > 5)
    const { after } = await site.restart()
    await client.untilGeneration(2)
    ;(await site.gates.visit()).open()
    await client.until(({ body }) => body.includes('[end]'))
    expect(client.ids).toEqual(Array.from(client.ids, (_, index) => client.ids[0]! + index))
    client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await client.until(({ raw }) => raw.includes('"generation":2'))
    expect(client.raw).toContain(`"pid":${after}`)
  })

  test('stays while a part of the next request has arrived, and neither is cut', async () => {
    const site = await LiveSite.start(undo, 'http', { feed, options: { drainTimeout: 3000 } })
    const client = await EventClient.open(site.port, '/events')
    const other = await EventClient.open(site.port, '/events')
    for (const each of [client, other]) await each.until(({ ids }) => ids.length > 5)
    client.socket.write('GET /ne')
    // What was written before this has been read by the time that it is answered.
    const later = await EventClient.open(site.port, '/events')
    await later.until(({ ids }) => ids.length > 5)
    const { before } = await site.begin()
    await other.untilGeneration(2)
    client.socket.write('xt HTTP/1.1\r\nHost: x\r\n\r\n')
    await site.app.exitOf(before)
    await client.ended
    expect(client.body).toMatch(/of 1\n\n(retry: \d+\n)?\[end\]/)
    // Behind the end of the stream comes the answer to the request that came in two parts.
    expect(client.raw).toMatch(/\r\n0\r\n\r\nHTTP\/1\.1 404 /)
    expect(client.raw).not.toContain('of 2')
  })

  test('learns of no drain', async () => {
    const site = await LiveSite.start(undo, 'http', { feed })
    const client = await EventClient.open(site.port, '/watching')
    await client.until(({ ids }) => ids.length > 5)
    await site.restart()
    await client.untilGeneration(2)
    expectWhole(client)
    expect(site.app.lines.filter(({ event }) => event === 'told')).toEqual([])
    site.app.signal('SIGTERM')
    await client.until(({ body }) => body.includes('data: bye\n\n[end]'))
  })

  test('continues when the new version is slow to answer', async () => {
    const site = await LiveSite.start(undo, 'http', { feed })
    const client = await EventClient.open(site.port, '/async')
    await client.until(({ ids }) => ids.length > 5)
    const { before } = await site.begin()
    const visit = await site.gates.visit()
    await site.app.exitOf(before)
    visit.open()
    await client.untilGeneration(2)
    expectWhole(client)
  })

  test('has a proper end if the new version has no such route', async () => {
    const site = await LiveSite.start(undo, 'http', { feed })
    const client = await EventClient.open(site.port, '/events')
    await client.until(({ ids }) => ids.length > 5)
    site.deploy({ feed, without: ['/events'] })
    await site.restart()
    await expect(client.ended).resolves.toBe('fin')
    expect(client.body).toMatch(/of 1\n\n\[end\]$/)
    expect(client.raw.match(/HTTP\/1/g)).toHaveLength(1)
  })

  test('begun over HTTP/1.0 just ends if the new version has no such route', async () => {
    const site = await LiveSite.start(undo, 'http', { feed })
    const client = await EventClient.open(site.port, '/events', '', '1.0')
    await client.until(({ ids }) => ids.length > 5)
    site.deploy({ feed, without: ['/events'] })
    await site.restart()
    await expect(client.ended).resolves.toBe('fin')
    expect(client.body).toMatch(/of 1\n\n$/)
  })
})

describePosix('an event stream that cannot move', () => {
  const open = async (deploy: LiveDeploy, path: string, lines = '') => {
    const site = await LiveSite.start(undo, 'http', {
      feed,
      ...deploy,
      options: { drainTimeout: 800, ...deploy.options },
    })
    const client = await EventClient.open(site.port, path, lines)
    await client.until(({ body }) => body.includes('data:'))
    return { site, client }
  }
  const reasons = (site: LiveSite) =>
    site.app.lines
      .filter(({ event }) => event === 'stayed')
      .map(({ connection }) => (connection as { reason: string }).reason)

  test('has a length, and is named', async () => {
    const { site } = await open({}, '/length')
    await site.restart()
    expect(reasons(site)).toEqual(['encoded'])
  })

  test('because the application has not enabled it ends at the deadline, with a time to reconnect', async () => {
    const { site, client } = await open({ handover: 'websockets', options: { closeSpread: 400 } }, '/events')
    const other = await EventClient.open(site.port, '/events')
    await other.until(({ body }) => body.includes('data:'))
    await site.restart()
    for (const each of [client, other]) await each.until(({ body }) => body.endsWith('[end]'))
    const waits = [client, other].map(({ body }) => /of 1\n\nretry: (\d+)\n\[end\]$/.exec(body)?.[1])
    expect(new Set(waits)).toEqual(new Set(['200', '400']))
    expect(reasons(site)).toEqual([])
  })

  test('because the new version does not take it is notified of the drain, and reported', async () => {
    const { site, client } = await open({}, '/watching')
    site.deploy({ feed, handover: 'websockets' })
    await site.restart()
    await client.until(({ body }) => body.endsWith('data: bye\n\n[end]'))
    expect(reasons(site)).toEqual(['not-taken'])
  })
})

describePosix('a stop', () => {
  test('tells the clients of event streams to come back at different times', async () => {
    const site = await LiveSite.start(undo, 'http', {
      feed,
      options: { drainTimeout: 500, closeSpread: 5000 },
    })
    const clients = await Promise.all(Array.from({ length: 5 }, () => EventClient.open(site.port, '/events')))
    for (const client of clients) await client.until(({ ids }) => ids.length > 1)
    site.app.signal('SIGTERM')
    const times = await Promise.all(
      clients.map(async (client) => {
        await client.ended
        return Number(/\nretry: (\d+)\n\[end\]$/.exec(client.body)?.[1])
      }),
    )
    expect(new Set(times).size).toBe(5)
    expect(Math.max(...times)).toBeLessThanOrEqual(5000)
  })
})
