import { leftovers, startTraffic } from '@zerodrop/traffic'
import { H2Client, Unsent } from './support/h2-client.ts'
import { clean, ProtocolSite, type Transport } from './support/protocol-site.ts'
import { describePosix, restartsOnly } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const rejectUnauthorized = false

describePosix.each(['express', 'koa', 'fastify', 'node'])('%s over https restarts', (fixture) => {
  test('under load, and loses no request', async () => {
    const site = await ProtocolSite.start(undo, fixture, { transport: 'https' })
    const traffic = startTraffic({
      port: site.port,
      keepAliveClients: 5,
      connectionClients: 3,
      slowClients: 2,
      uploadClients: 0,
      paths: { slow: '/slow?ms=100' },
      tls: { rejectUnauthorized },
    })
    undo.add(() => traffic.stop())
    await traffic.after(50)
    for (let restart = 0; restart < 2; restart += 1) {
      const { before } = await site.restart()
      await site.app.exitOf(before)
      await traffic.after(50)
    }
    const report = await traffic.stop()
    expect(report).toMatchObject({ lost: 0, losses: [], refused: 0 })
    expect(report.pids).toEqual(site.app.pids())
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })

  test('while a request is in flight: it is answered with "connection: close"', async () => {
    const site = await ProtocolSite.start(undo, fixture, { transport: 'https' })
    const held = await site.connect()
    const answer = held.request({ path: '/hold' })
    const visit = await site.gates.visit()
    const { before, after } = await site.restart()
    const fresh = await site.connect()
    expect(JSON.parse((await fresh.request()).body.toString())).toMatchObject({ pid: after })
    visit.open()
    const response = await answer
    expect(response).toMatchObject({ status: 200, closes: true })
    expect(JSON.parse(response.body.toString())).toMatchObject({ pid: before })
    await site.app.exitOf(before)
    expect(JSON.parse((await fresh.request()).body.toString())).toMatchObject({ pid: after })
  })
})

const http2: [fixture: string, transport: Transport][] = [
  ['koa', 'h2'],
  ['fastify', 'h2'],
  ['node', 'h2'],
  ['node', 'h2c'],
  ['node', 'h2+http1'],
]

describePosix.each(http2)('%s over %s restarts', (fixture, transport) => {
  test('under load, and loses no stream', async () => {
    const site = await ProtocolSite.start(undo, fixture, { transport })
    // Over TLS a stream that crosses the GOAWAY is refused, untouched: its client sends it again.
    const again = (error: Error): void => {
      if (error instanceof Unsent) return
      if (!site.secure || !error.message.includes('REFUSED_STREAM')) throw error
    }
    const pids = new Set<number>()
    let onAnswer = (): void => {}
    /** Resolves when this process has answered: one that is replaced before may not have come to it. */
    const answeredBy = async (pid: number): Promise<void> => {
      while (!pids.has(pid)) await new Promise<void>((resolve) => (onAnswer = resolve))
    }
    let over = false
    const client = async (): Promise<void> => {
      while (!over) {
        const { session, get } = await connect(site)
        while (!over && !session.closed) {
          const pid = await get('/slow?ms=20').catch(again)
          if (pid !== undefined) pids.add(pid)
          onAnswer()
        }
        session.close()
      }
    }
    const restarts = async (): Promise<void> => {
      await answeredBy(site.app.pid)
      for (let restart = 0; restart < 2; restart += 1) {
        const { before, after } = await site.restart()
        await site.app.exitOf(before)
        await answeredBy(after)
      }
      over = true
    }
    await Promise.all([restarts(), client(), client(), client()])
    expect(pids).toEqual(new Set(site.app.pids()))
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.stderr).toMatch(restartsOnly)
  })

  test('while a stream is open: it is answered, and the next session is the successor’s', async () => {
    const site = await ProtocolSite.start(undo, fixture, { transport })
    const held = await H2Client.connect(undo, site.port, site.secure)
    const answer = held.get('/hold')
    const visit = await site.gates.visit()
    const { before, after } = await site.restart()
    await expect((await connect(site)).get('/')).resolves.toBe(after)
    visit.open()
    expect(JSON.parse((await answer).body)).toMatchObject({ pid: before })
    await held.ended
    await site.app.exitOf(before)
  })
})

/** A session, and a way to learn which process answers on it. */
async function connect(
  site: ProtocolSite,
): Promise<{ session: H2Client['session']; get: (path: string) => Promise<number> }> {
  const client = await H2Client.connect(undo, site.port, site.secure)
  const get = async (path: string): Promise<number> =>
    (JSON.parse((await client.get(path)).body) as { pid: number }).pid
  return { session: client.session, get }
}
