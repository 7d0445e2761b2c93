import { once } from 'node:events'
import { constants } from 'node:http2'
import { leftovers } from '@zerodrop/traffic'
import { describePosix } from './support/site.ts'
import { answerOf, H2Client } from './support/h2-client.ts'
import { H2Wire, isAck, numberOf } from './support/h2-wire.ts'
import type { Frame } from './support/h2-wire.ts'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import type { SiteOptions, Transport } from './support/protocol-site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Express cannot be served over HTTP/2: it gives requests the prototype of node:http, and fails in its accessors.
const fixtures = ['koa', 'fastify', 'node']
const targets: [fixture: string, transport: Transport][] = [
  ['koa', 'h2'],
  ['fastify', 'h2'],
  ['fastify', 'h2c'],
  ['node', 'h2c'],
]

const highest = 2 ** 31 - 1

describePosix.each(targets)('%s over %s stops', (fixture, transport) => {
  const start = (options: SiteOptions['options'] = {}) =>
    ProtocolSite.start(undo, fixture, { transport, options })

  test('with a GOAWAY that refuses nothing, a round trip, and the final GOAWAY', async () => {
    const site = await start()
    const wire = await H2Wire.connect(undo, site.port, site.secure)
    const held = wire.get('/hold')
    const visit = await site.gates.visit()
    site.app.signal('SIGTERM')
    expect(numberOf(await wire.next('GOAWAY'))).toBe(highest)
    const ping = wire.frames.find((frame) => frame.type === 'PING') ?? (await wire.next('PING'))
    expect(goaways(wire)).toHaveLength(1)
    wire.pong(ping)
    expect(numberOf(await wire.next('GOAWAY'))).toBe(held)
    // The session is still there for what it serves.
    expect(wire.body(held)).toBeUndefined()
    visit.open()
    await wire.ended
    expect(JSON.parse(wire.body(held) ?? '')).toMatchObject({ pid: site.app.pid })
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('1 finished, 0 served meanwhile, 0 cut')
  })

  test('an idle session at once', async () => {
    const time = async (): Promise<number> => {
      const site = await start()
      const client = await H2Client.connect(undo, site.port, site.secure)
      await expect(client.get('/')).resolves.toMatchObject({ status: 200 })
      site.app.signal('SIGTERM')
      await client.ended
      await expect(site.app.exited).resolves.toEqual(clean)
      return Number(/drained in (\d+) ms/.exec(site.app.stderr)?.[1])
    }
    // A session is given up for silent after 1 s, each time.
    let took = await time()
    for (let tries = 1; tries < 5 && took >= 900; tries += 1) took = await time()
    expect(took).toBeLessThan(900)
  })

  test('and refuses a stream that is opened after the final GOAWAY, without touching it', async () => {
    const site = await start()
    const wire = await H2Wire.connect(undo, site.port, site.secure)
    const held = wire.get('/hold?1')
    const visit = await site.gates.visit()
    site.app.signal('SIGTERM')
    wire.pong(await wire.next('PING'))
    const final = (): Frame[] => goaways(wire).filter((frame) => numberOf(frame) !== highest)
    while (final().length === 0) await wire.next('GOAWAY')
    const late = wire.get('/hold?2')
    // What comes back later than this stream was read there.
    wire.send('PING', 0, 0, Buffer.alloc(8))
    while (!isAck(await wire.next('PING')));
    visit.open()
    await wire.ended
    expect(wire.body(held)).toBeDefined()
    expect(wire.frames.filter((frame) => frame.stream === late && frame.type !== 'RST_STREAM')).toEqual([])
    for (const frame of final()) expect(numberOf(frame)).toBe(held)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('1 finished, 0 served meanwhile, 0 cut')
  })

  test('fifty sessions of remote clients each get their in-flight responses', async () => {
    const site = await start()
    const port = await site.distant(30)
    const clients = await Promise.all(
      Array.from({ length: 50 }, () => H2Client.connect(undo, port, site.secure)),
    )
    const answers = clients.flatMap((client) => [1, 2].map(() => client.get('/hold')))
    const visits = await Promise.all(answers.map(() => site.gates.visit()))
    await site.drain()
    for (const visit of visits) visit.open()
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200)
    await Promise.all(clients.map(({ ended }) => ended))
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('100 finished, 0 served meanwhile, 0 cut')
  })

  test('and cuts a stream that never ends at the deadline, and names it', async () => {
    const site = await start({ drainTimeout: 300 })
    const client = await H2Client.connect(undo, site.port, site.secure)
    const [hold, download, events] = ['/hold?for=ever', '/download?it', '/events-deaf'].map((path) =>
      client.open(path),
    )
    const ends = [hold!, download!, events!].map((stream) =>
      answerOf(stream).catch((error: unknown) => error),
    )
    await Promise.all([site.gates.visit(), once(download!, 'data'), once(events!, 'data')])
    site.app.signal('SIGTERM')
    const [held, downloaded, told] = await Promise.all(ends)
    expect(held).toMatchObject({ rstCode: constants.NGHTTP2_CANCEL })
    expect(downloaded).toMatchObject({ rstCode: constants.NGHTTP2_CANCEL })
    expect(told).toEqual({ status: 200, body: 'data: begin\n\n' })
    await client.ended
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.cutLines()).toEqual([
      expect.stringMatching(/GET \/hold\?for=ever from .*\(handling/),
      expect.stringMatching(/GET \/download\?it from .*\(responding/),
      expect.stringMatching(/GET \/events-deaf from .*\(responding/),
    ])
  })

  test('and correctly ends a stream that watched the signal and did not end', async () => {
    const site = await start({ drainTimeout: 300 })
    const client = await H2Client.connect(undo, site.port, site.secure)
    const watched = client.open('/watched')
    const answer = answerOf(watched)
    await once(watched, 'data')
    site.app.signal('SIGTERM')
    await expect(answer).resolves.toEqual({ status: 200, body: 'data: begin\n\n' })
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.cutLines()).toEqual([expect.stringMatching(/GET \/watched from .*\(responding/)])
  })

  test('and lets an event stream end itself', async () => {
    const site = await start()
    const client = await H2Client.connect(undo, site.port, site.secure)
    const events = client.open('/events')
    const answer = answerOf(events)
    await once(events, 'data')
    site.app.signal('SIGTERM')
    await expect(answer).resolves.toEqual({ status: 200, body: 'data: begin\n\ndata: bye\n\n' })
    await client.ended
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.lines).toContainEqual(
      expect.objectContaining({ event: 'told', code: 'ERR_ZERODROP_DRAINING' }),
    )
  })
})

describePosix.each(['fastify', 'node'])('%s without TLS', (fixture) => {
  test('serves streams that were opened before their clients could know of the GOAWAY', async () => {
    const site = await ProtocolSite.start(undo, fixture, { transport: 'h2c' })
    const wire = await H2Wire.connect(undo, site.port, site.secure)
    await wire.next('SETTINGS')
    site.app.signal('SIGTERM')
    const ping = await wire.next('PING')
    expect(goaways(wire).map(numberOf)).toEqual([highest])
    // The server has said its first GOAWAY, and this client has not seen it yet.
    const late = [wire.get('/'), wire.get('/slow?ms=20')]
    wire.pong(ping)
    await wire.ended
    for (const stream of late) expect(JSON.parse(wire.body(stream) ?? '')).toMatchObject({ version: '1' })
    expect(numberOf(goaways(wire)[1]!)).toBe(late[1])
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('2 served meanwhile')
  })

  test('serves the streams that fifty remote clients open while the signal arrives', async () => {
    const site = await ProtocolSite.start(undo, fixture, { transport: 'h2c' })
    const { wires, opened } = await openStreamsAtTheSignal(site)
    for (const [index, wire] of wires.entries())
      for (const stream of opened[index]!) expect(wire.body(stream)).toBeDefined()
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describePosix.each(['fastify', 'node'])('%s over TLS', (fixture) => {
  test('serves a stream that crosses the GOAWAY, or refuses it such that its client may send it again', async () => {
    const site = await ProtocolSite.start(undo, fixture, { transport: 'h2' })
    const { wires, opened } = await openStreamsAtTheSignal(site)
    for (const [index, wire] of wires.entries()) {
      const last = numberOf(goaways(wire).at(-1)!)
      const [served, refused] = [0, 1].map((above) =>
        opened[index]!.filter((stream) => Number(stream > last) === above),
      )
      for (const stream of served!) expect(wire.body(stream)).toBeDefined()
      expect(wire.frames.filter((frame) => refused!.includes(frame.stream))).toEqual([])
    }
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

/** Fifty clients, half a round trip away from the server when it is told to stop, open three streams each. */
async function openStreamsAtTheSignal(site: ProtocolSite): Promise<{ wires: H2Wire[]; opened: number[][] }> {
  const port = await site.distant(30)
  const wires = await Promise.all(Array.from({ length: 50 }, () => H2Wire.connect(undo, port, site.secure)))
  await Promise.all(
    wires.map(async (wire) => {
      wire.get('/')
      await wire.next('DATA')
      wire.pongAlways()
    }),
  )
  const opened = wires.map((wire) => [wire.get('/'), wire.get('/'), wire.get('/slow?ms=20')])
  site.app.signal('SIGTERM')
  await Promise.all(wires.map(({ ended }) => ended))
  return { wires, opened }
}

describePosix.each(fixtures)('%s over HTTP/2 and HTTP/1 on one port', (fixture) => {
  test('drains both', async () => {
    const site = await ProtocolSite.start(undo, fixture, { transport: 'h2+http1' })
    const [busy, idle] = [await site.connect(), await site.connect()]
    await expect(idle.request()).resolves.toMatchObject({ status: 200 })
    const one = busy.request({ path: '/hold?1' })
    const visits = [await site.gates.visit()]
    const wire = await H2Wire.connect(undo, site.port, true)
    const two = wire.get('/hold?2')
    visits.push(await site.gates.visit())
    site.app.signal('SIGTERM')
    wire.pong(await wire.next('PING'))
    while (goaways(wire).length < 2) await wire.next('GOAWAY')
    // The session brings nothing more; this connection does.
    await expect(idle.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(idle.ended).resolves.toBe('fin')
    for (const visit of visits) visit.open()
    await expect(one).resolves.toMatchObject({ status: 200, closes: true })
    await wire.ended
    expect(wire.body(two)).toBeDefined()
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('2 finished, 1 served meanwhile, 0 cut')
  })
})

describePosix('an HTTP/2 peer that is silent', () => {
  test.each<Transport>(['h2', 'h2c'])(
    'node over %s ends a session whose peer does not answer the ping',
    async (transport) => {
      const site = await ProtocolSite.start(undo, 'node', { transport })
      const wire = await H2Wire.connect(undo, site.port, site.secure)
      const held = wire.get('/hold')
      const visit = await site.gates.visit()
      site.app.signal('SIGTERM')
      expect(numberOf(await wire.next('GOAWAY'))).toBe(highest)
      expect(numberOf(await wire.next('GOAWAY'))).toBe(held)
      visit.open()
      await wire.ended
      expect(wire.body(held)).toBeDefined()
      await expect(site.app.exited).resolves.toEqual(clean)
    },
  )
})

function goaways({ frames }: H2Wire): Frame[] {
  return frames.filter(({ type }) => type === 'GOAWAY')
}
