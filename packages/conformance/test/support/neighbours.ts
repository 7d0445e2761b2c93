import path from 'node:path'
import { freePort, leftovers, RawClient, startTraffic, type Traffic } from '@zerodrop/traffic'
import { startApp } from '../../src/app-process.ts'
import type { AppProcess } from '../../src/app-process.ts'
import { Generations } from '../../src/generations.ts'
import { describeWith, type ProxyKind, startProxy } from './reverse-proxy.ts'

const file = path.join(__dirname, '../../fixtures/neighbours/server.mjs')

/** In full with ZERODROP_NEIGHBOURS=full: docs/load-balancers.md has what that gave. */
const [deploys, stops] = process.env['ZERODROP_NEIGHBOURS'] === 'full' ? [5, 6] : [2, 2]

/** The tests of one reverse proxy in front of servers that are deployed over and stopped under load. */
export function testNeighbour(kind: ProxyKind): void {
  const undo = leftovers()
  afterEach(() => undo.disposeAll())

  const load = (port: number): Traffic => {
    const traffic = startTraffic({
      port,
      keepAliveClients: 12,
      connectionClients: 3,
      slowClients: 2,
      uploadClients: 2,
      paths: { slow: '/slow?ms=100' },
    })
    undo.add(() => traffic.stop())
    return traffic
  }

  // Of the two only HAProxy can. One that does not probe may open a connection just when the server closes its socket.
  const probes = kind === 'haproxy'

  const start = async (port: number, bare = false): Promise<AppProcess> => {
    const env = {
      PORT: String(port),
      BARE: bare ? '1' : undefined,
      PROBED: probes && !bare ? '1' : undefined,
    }
    const app = await startApp({ file, env })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    return app
  }

  /** Stops one server after the other and starts it again, as a rolling update does. */
  const roll = async (
    servers: number,
    options: { keepsAlive: boolean; bare?: boolean },
  ): Promise<Traffic> => {
    const { keepsAlive, bare = false } = options
    const ports = await Promise.all(Array.from({ length: servers }, () => freePort()))
    const apps = await Promise.all(ports.map((port) => start(port, bare)))
    const proxy = await startProxy(undo, kind, { servers: ports, keepsAlive, probes: probes && !bare })
    if (probes && !bare) for (const app of apps) await usedBy(proxy, app)
    const traffic = load(proxy)
    await traffic.after(200)
    for (let stop = 0; stop < stops; stop++) {
      const index = stop % servers
      apps[index]!.signal('SIGTERM')
      await apps[index]!.exited
      apps[index] = await start(ports[index]!, bare)
      if (probes && !bare) await usedBy(proxy, apps[index])
      await traffic.after(200)
    }
    return traffic
  }

  /** Resolves when the proxy has noticed that a server is there. */
  const usedBy = async (proxy: number, { pid }: AppProcess): Promise<void> => {
    const client = await RawClient.connect({ port: proxy })
    undo.add(() => client.destroy())
    for (;;) {
      const { body } = await client.request()
      // Before it has probed any, the answer is its own.
      if (String(body).startsWith('{') && (JSON.parse(String(body)) as { pid: number }).pid === pid) break
    }
    client.destroy()
  }

  describeWith(kind).each([
    ['with', true],
    ['without', false],
  ])(`behind ${kind} %s keep-alive to the server`, (_, keepsAlive) => {
    test('deploys lose no request', async () => {
      const port = await freePort()
      const generations = await Generations.start({ file, env: { PORT: String(port) } }, undo)
      const traffic = load(await startProxy(undo, kind, { servers: [port], keepsAlive }))
      await traffic.after(200)
      for (let deploy = 0; deploy < deploys; deploy++) {
        await generations.restart()
        await traffic.after(200)
      }
      const { lost, refused, losses, versions } = await traffic.stop()
      expect({ lost, refused, losses }).toEqual({ lost: 0, refused: 0, losses: [] })
      expect(versions).toHaveLength(deploys + 1)
    })

    test('rolling stops lose no request', async () => {
      const traffic = await roll(2, { keepsAlive })
      const { lost, refused, losses } = await traffic.stop()
      expect({ lost, refused, losses }).toEqual({ lost: 0, refused: 0, losses: [] })
    })
  })

  describeWith(kind)(`behind ${kind}, a single server without zerodrop`, () => {
    test('loses requests when it is stopped and started', async () => {
      const traffic = await roll(1, { keepsAlive: true, bare: true })
      const { lost } = await traffic.stop()
      expect(lost).toBeGreaterThan(0)
    })
  })
}
