import type { Status } from '@zerodrop/core'
import { leftovers, type RawClient } from '@zerodrop/traffic'
import { H2Client } from './support/h2-client.ts'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix.each(['http', 'https'] as const)('%s behind a net server', (transport) => {
  test('a stop answers in-flight requests, and ends idle and unused connections', async () => {
    const options = { lingerTimeout: 300, firstRequestTimeout: 200 }
    const site = await ProtocolSite.start(undo, 'fed', { transport, options })
    const [busy, idle, unused] = [await site.connect(), await site.connect(), await site.connect()]
    await idle.request()
    const held = busy.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    await expect(unused.ended).resolves.toBe('fin')
    await expect(idle.ended).resolves.toBe('fin')
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(busy.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('1 finished, 0 served meanwhile, 0 cut')
    expect(site.app.stderr).not.toContain('ERR_ZERODROP')
  })

  test('a request that arrives during the drain is answered, even on an unused connection', async () => {
    const site = await ProtocolSite.start(undo, 'fed', { transport })
    const [idle, unused] = [await site.connect(), await site.connect()]
    await idle.request()
    await site.drain()
    await expect(idle.request()).resolves.toMatchObject({ status: 200, closes: true })
    await expect(idle.ended).resolves.toBe('fin')
    // With the one before gone, the server that was given it has nothing left, and the one in front has this.
    const held = unused.request({ path: '/hold' })
    const visit = await site.gates.visit()
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(unused.ended).resolves.toBe('fin')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('0 finished, 2 served meanwhile, 0 cut')
  })

  test('the deadline cuts in-flight requests, and reports each once', async () => {
    const site = await ProtocolSite.start(undo, 'fed', { transport, options: { drainTimeout: 300 } })
    const busy = await site.connect()
    const held = busy.request({ path: '/hold' }).catch((error: unknown) => error)
    await site.gates.visit()
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(unclean)
    await held
    expect(site.cutLines()).toEqual([expect.stringMatching(/GET \/hold from .*\(handling/)])
  })

  test('a restart drains it', async () => {
    const site = await ProtocolSite.start(undo, 'fed', { transport, options: { lingerTimeout: 500 } })
    const [busy, idle] = [await site.connect(), await site.connect()]
    await idle.request()
    const held = busy.request({ path: '/hold' })
    const visit = await site.gates.visit()
    const { before } = await site.restart()
    await expect(idle.ended).resolves.toBe('fin')
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await site.app.exitOf(before)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.cutLines()).toEqual([])
    const next = await site.connect()
    await expect(next.request()).resolves.toMatchObject({ status: 200 })
  })

  test('close() of the net server waits for the connections that it has passed on', async () => {
    const site = await ProtocolSite.start(undo, 'fed', { transport, options: { lingerTimeout: 200 } })
    const [busy, closing] = [await site.connect(), await site.connect()]
    const held = busy.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await expect(closing.request({ path: '/close' })).resolves.toMatchObject({ status: 200, closes: true })
    await expect(closing.ended).resolves.toBe('fin')
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.waitFor('closed')).resolves.toMatchObject({ inFlight: 0 })
  })

  test('the status counts its connections once', async () => {
    const site = await ProtocolSite.start(undo, 'fed', { transport })
    const [idle, asking] = [await site.connect(), await site.connect()]
    await idle.request()
    const { connections, listeners } = await flushedStatus(asking)
    expect(connections).toMatchObject({ idle: 1, handling: 1, raw: 0, requests: 1, handshaking: 0 })
    expect(listeners).toMatchObject([
      { address: expect.stringContaining(`:${site.port}`), accepting: true },
      { accepting: true, connections: { idle: 1 } },
    ])
  })
})

describePosix.each(['h2c', 'h2'] as const)('HTTP/2 (%s) behind a net server', (transport) => {
  test('a stop finishes the streams of every session, and ends those without one', async () => {
    const site = await ProtocolSite.start(undo, 'fed', { transport })
    const [first, second, idle] = await Promise.all(
      [1, 2, 3].map(() => H2Client.connect(undo, site.port, site.secure)),
    )
    await idle!.get('/')
    const answers = [first!, second!].map((client) => client.get('/hold'))
    const visits = [await site.gates.visit(), await site.gates.visit()]
    await site.drain()
    await idle!.ended
    for (const visit of visits) visit.open()
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 200 })
    await Promise.all([first!.ended, second!.ended])
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toContain('2 finished, 0 served meanwhile, 0 cut')
    expect(site.app.stderr).not.toContain('ERR_ZERODROP')
  })

  test('the deadline cuts the stream of the first session, and names it once', async () => {
    const site = await ProtocolSite.start(undo, 'fed', { transport, options: { drainTimeout: 300 } })
    const client = await H2Client.connect(undo, site.port, site.secure)
    const held = client.get('/hold').catch((error: unknown) => error)
    await site.gates.visit()
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(unclean)
    await held
    expect(site.cutLines()).toEqual([expect.stringMatching(/GET \/hold from .*\(handling/)])
  })

  test('a restart drains it', async () => {
    const site = await ProtocolSite.start(undo, 'fed', { transport })
    const client = await H2Client.connect(undo, site.port, site.secure)
    const held = client.get('/hold')
    const visit = await site.gates.visit()
    const { before } = await site.restart()
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200 })
    await client.ended
    await site.app.exitOf(before)
    const next = await H2Client.connect(undo, site.port, site.secure)
    await expect(next.get('/')).resolves.toMatchObject({ status: 200 })
  })
})

/** The status once every other response is flushed: the server learns that a turn or two after its client has it. */
async function flushedStatus(client: RawClient): Promise<Status> {
  for (;;) {
    const { body } = await client.request({ path: '/status' })
    const status = JSON.parse(String(body)) as Status
    if (status.connections.responding === 0) return status
  }
}
