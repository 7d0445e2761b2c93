import { readFileSync } from 'node:fs'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { Deployment, type ServerSpec } from './support/deployment.ts'
import { describePosix, identityOf } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

async function start(more: Partial<ServerSpec>): Promise<{ site: Deployment; port: number }> {
  const port = await freePort()
  const site = await Deployment.start(undo, {
    servers: [{ kind: 'http', name: 'web', listen: { port, host: '127.0.0.1' }, ...more }],
  })
  return { site, port }
}

async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.connect({ port })
  undo.add(() => client.destroy())
  return client
}

const head = 'GET / HTTP/1.1\r\nHost: localhost\r\n'

describePosix('a connection that has moved', () => {
  test('is closed after keepAliveTimeout, like one of the successor', async () => {
    const { site, port } = await start({ set: { keepAliveTimeout: 6000 } })
    const client = await connect(port)
    await client.request()
    const begun = performance.now()
    await site.restart()
    expect(client.open).toBe(true)
    await expect(client.ended).resolves.toBe('fin')
    // From the move on, to which Node adds a buffer of a second.
    expect(performance.now() - begun).toBeGreaterThan(6000)
    expect(performance.now() - begun).toBeLessThan(30_000)
  })

  test('may be idle longer than headersTimeout, which then applies to a request that stops halfway', async () => {
    const { site, port } = await start({
      http: { headersTimeout: 1000, requestTimeout: 1500, connectionsCheckingInterval: 100 },
      set: { keepAliveTimeout: 60_000 },
    })
    // Each asks at once: a connection that waits for the others would be held to it.
    const asked = async (): Promise<RawClient> => {
      const client = await connect(port)
      await client.request()
      return client
    }
    const [patient, hasty] = [await asked(), await asked()]
    const silent = await connect(port)
    const { after } = await site.restart()
    // One that never asked is held to it, moved or not: when it has gone, the time is over for all.
    await expect(silent.nextResponse()).resolves.toMatchObject({ status: 408 })
    for (const client of [patient, hasty])
      expect(identityOf(await client.request())).toMatchObject({ pid: after })
    hasty.write(head)
    await expect(hasty.nextResponse()).resolves.toMatchObject({ status: 408, closes: true })
    expect(identityOf(await patient.request())).toMatchObject({ pid: after })
  })

  test('is subject to headersTimeout from its first request in the successor', async () => {
    const { site, port } = await start({
      http: { headersTimeout: 1000, requestTimeout: 1500, connectionsCheckingInterval: 100 },
      set: { keepAliveTimeout: 60_000 },
    })
    const client = await connect(port)
    await client.request()
    await site.restart()
    client.write(head)
    await expect(client.nextResponse()).resolves.toMatchObject({ status: 408, closes: true })
  })

  test.each([1, 2])('keeps its request count after %i restarts', async (restarts) => {
    const { site, port } = await start({ set: { maxRequestsPerSocket: 4, keepAliveTimeout: 60_000 } })
    const client = await connect(port)
    expect(await client.request()).toMatchObject({ closes: false })
    expect(await client.request()).toMatchObject({ closes: false })
    for (let restart = 0; restart < restarts; restart += 1) await site.restart()
    expect(await client.request()).toMatchObject({ closes: false })
    const last = await client.request()
    expect(last).toMatchObject({ closes: true })
    expect(identityOf(last)).toMatchObject({ generation: restarts + 1 })
    await expect(client.ended).resolves.toBe('fin')
  })

  test('keeps its addresses and the options of its socket', async () => {
    const { site, port } = await start({ set: { keepAliveTimeout: 60_000 } })
    const client = await connect(port)
    const addresses = JSON.parse((await client.request({ path: '/keep-alive' })).body.toString())
    expect(addresses).toMatchObject({
      remoteAddress: '127.0.0.1',
      remotePort: client.localPort,
      localPort: port,
    })
    const timer = keepAliveTimer(port, client.localPort)
    const { after } = await site.restart()
    const { remoteAddress, remotePort, localPort } = addresses
    const answer = JSON.parse((await client.request()).body.toString())
    expect(answer).toMatchObject({ remoteAddress, remotePort, localPort, pid: after })
    if (process.platform !== 'linux') return
    expect(timer).toBe('02')
    expect(keepAliveTimer(port, client.localPort)).toBe('02')
  })
})

/** The kind of timer that the kernel runs on the server's side of a connection: 02 with TCP keep-alive. */
function keepAliveTimer(local: number, remote: number): string | undefined {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')
  const ends = [`0100007F:${hex(local)}`, `0100007F:${hex(remote)}`].join(' ')
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .find((each) => each.includes(ends))
  return line?.trim().split(/\s+/)[5]?.split(':')[0]
}
