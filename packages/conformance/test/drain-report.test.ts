import { once } from 'node:events'
import type { CutConnection, ShutdownResult } from '@zerodrop/core'
import { leftovers } from '@zerodrop/traffic'
import { clean, ProtocolSite, unclean } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix('the result of lifecycle.shutdown()', () => {
  test('counts the finished and the served requests, and the process exits by itself', async () => {
    const site = await ProtocolSite.start(undo, 'shutdown')
    const [holder, asker, idle] = [await site.connect(), await site.connect(), await site.connect()]
    await idle.request()
    const held = holder.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await asker.request({ path: '/shutdown' })
    await site.app.waitFor('draining')
    await expect(idle.request()).resolves.toMatchObject({ status: 200, closes: true })
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200 })
    // It was told nothing: its answer had been on its way before anyone was.
    asker.end()
    await expect(resultOf(site)).resolves.toMatchObject({
      reason: 'shutdown()',
      // The one that was held, and the one that asked for the shutdown.
      finished: 2,
      served: 1,
      refused: 0,
      websockets: 0,
      cut: [],
    })
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('names everything that was cut, in the state it was in', async () => {
    const site = await ProtocolSite.start(undo, 'shutdown', {
      webSockets: 'other',
      options: { drainTimeout: 300 },
    })
    const asker = await site.connect()
    const ports: Record<number, string> = {}
    const open = async (name: string) => {
      const client = await site.connect()
      ports[client.localPort] = name
      return client
    }
    const reading = await open('reading')
    reading.write('GET /never HTTP/1.1\r\nHo')
    const receiving = await open('receiving')
    receiving.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
    await site.app.waitFor('upload')
    const handling = await open('handling')
    handling.write('GET /hold HTTP/1.1\r\nHost: x\r\n\r\n')
    await site.gates.visit()
    const responding = await open('responding')
    responding.write('GET /download HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(responding.socket, 'data')
    const upgraded = await open('upgraded')
    await upgraded.request({ path: '/socket', headers: { connection: 'Upgrade', upgrade: 'echo' } })
    const silent = await site.connect()
    await asker.request({ path: '/shutdown' })
    const result = await resultOf(site)
    const cut = result.cut.map(({ remotePort = 0, remoteAddress, age = 250, ...rest }) => {
      expect(remoteAddress).toMatch(/127\.0\.0\.1$/)
      // One whose head has not come is no request yet, and has no age.
      expect(age).toBeGreaterThanOrEqual(250)
      return { ...rest, name: ports[remotePort] }
    })
    const byName = (one: { name?: string | undefined }, other: { name?: string | undefined }): number =>
      (one.name ?? '').localeCompare(other.name ?? '')
    expect(cut.sort(byName)).toEqual([
      { name: 'handling', state: 'handling', method: 'GET', url: '/hold' },
      { name: 'reading', state: 'reading' },
      { name: 'receiving', state: 'receiving', method: 'POST', url: '/upload' },
      { name: 'responding', state: 'responding', method: 'GET', url: '/download' },
      { name: 'upgraded', state: 'upgraded', method: 'GET', url: '/socket' },
    ])
    silent.destroy()
    expect(result.milliseconds).toBeGreaterThanOrEqual(300)
  })

  test('names the connections of a server that does not speak HTTP', async () => {
    const site = await ProtocolSite.start(undo, 'raw', { options: { drainTimeout: 2000 } })
    const client = await site.connect()
    client.socket.removeAllListeners('data')
    client.write('echo')
    expect(String((await once(client.socket, 'data'))[0])).toBe('echo')
    await site.drain()
    client.write('still')
    expect(String((await once(client.socket, 'data'))[0])).toBe('still')
    await expect(site.app.exited).resolves.toEqual(unclean)
    expect(site.cutLines()).toEqual([
      expect.stringMatching(new RegExp(`a connection from .*:${client.localPort} \\(raw, connected for`)),
    ])
  })

  test('a server that does not speak HTTP waits for its connections to end', async () => {
    const site = await ProtocolSite.start(undo, 'raw')
    const client = await site.connect()
    client.socket.removeAllListeners('data')
    client.write('echo')
    await once(client.socket, 'data')
    await site.drain()
    client.write('bye')
    expect(String((await once(client.socket, 'data'))[0])).toBe('bye')
    await client.close()
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

async function resultOf({ app }: ProtocolSite): Promise<ShutdownResult & { cut: CutConnection[] }> {
  const { result } = await app.waitFor('result')
  return result as ShutdownResult & { cut: CutConnection[] }
}
