import { leftovers, startDelayProxy, startTraffic } from '@zerodrop/traffic'
import { canReplaceProgram, startKeepPid, type Way } from './support/keep-pid-host.ts'
import { type Host, hosts } from './support/keep-pid-hosts.ts'
import { Matrix } from './support/keep-pid-matrix.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** How many restarts; `npm run keep-pid` makes ten, under every host and in every way, and prints a table. */
const restarts = Number(process.env['ZERODROP_RESTARTS'] ?? 2)
const isBattery = process.env['ZERODROP_RESTARTS'] !== undefined
const ways: readonly Way[] = isBattery ? ['plain', 'lazy keeper', 'zerodrop run'] : ['lazy keeper']

const matrix = new Matrix(hosts)
if (isBattery) afterAll(() => process.stdout.write(`\n${matrix.toString()}\n`))

/** What can be tried here. */
const cells = hosts
  .filter(({ wrap, rare }) => wrap !== undefined && (isBattery || rare !== true))
  .flatMap((host) => ways.map((way) => ({ host, way, name: host.name, needs: host.needs })))
  // A program can replace itself on Linux from Node 22.15 on. Elsewhere these are refused: see environments.test.ts.
  .filter(({ way }) => way !== 'lazy keeper' || canReplaceProgram)

const isRefused = ({ host, way }: { host: Host; way: Way }): boolean =>
  way === 'plain' && host.refusal !== undefined
const kept = cells.filter((cell) => !isRefused(cell))
const refused = cells.filter(isRefused)

const nobody = [{ host: hosts[0]!, way: 'plain' as Way, name: 'no host', needs: 'Node 22.15' }]
const each = <Cell>(some: readonly Cell[]): jest.Each =>
  (some.length > 0 ? describe : describe.skip).each as unknown as jest.Each

/** On a machine that is busy a drain may take long; it must cut nothing for that. */
const patient = { drainTimeout: 60_000 }

/** Where nobody relies on the pid, a process keeps it if it is told to. */
const optionsOf = (host: Host, way: Way): object =>
  way === 'lazy keeper' && host.refusal === undefined ? { ...patient, keepPid: true } : patient

each(kept)(kept.length > 0 ? kept : nobody)('$name, $way (needs $needs)', ({ host, way }) => {
  test(
    `loses nothing in ${restarts} restarts, keeps the pid, and ends as it should`,
    async () => {
      const app = await startKeepPid(undo, host, { way, options: optionsOf(host, way) })
      const proxy = await startDelayProxy({ targetPort: app.port, roundTrip: 30 })
      undo.add(() => proxy.close())
      const traffic = startTraffic({ port: proxy.port, directPort: app.port, keepAliveClients: 20 })
      undo.add(() => traffic.stop())
      await traffic.after(100)
      for (let version = 2; version < 2 + restarts; version++) {
        await app.restart(`${version}`)
        await traffic.after(100)
      }
      // One signal is one deploy, also if a host sends it to the keeper and to the application.
      expect(await app.get()).toMatchObject({ generation: 1 + restarts })
      app.deploy('broken')
      app.signal('SIGHUP')
      await app.heardOnStderr(/ERR_ZERODROP_SUCCESSOR_EXITED/)
      await traffic.after(100)
      const { lost, refused, losses, connections, versions, requests } = await traffic.stop()
      matrix.set(host, way, { requests, lost, refused, kept: connections.kept, clients: connections.clients })
      const said = losses.length > 0 ? app.stderr : ''
      expect({ lost, refused, losses, said }).toEqual({ lost: 0, refused: 0, losses: [], said: '' })
      expect(connections.kept).toBe(connections.clients)
      expect(versions).toHaveLength(1 + restarts)
      expect(await app.isSame()).toBe(true)
      expect(await app.stop()).toEqual([0, null])
      matrix.passed(host, way)
    },
    60_000 + restarts * 10_000,
  )
})

const crashing = isBattery ? kept.filter(({ way }) => way !== 'plain') : kept.slice(0, 1)

each(crashing)(crashing.length > 0 ? crashing : nobody)(
  'a crash: $name, $way (needs $needs)',
  ({ host, way }) => {
    test.each([
      ['/exit?code=7', 1, 7],
      ['/exit?code=7', 2, 7],
      ['/kill?signal=SIGKILL', 1, 137],
    ])('%s after %i restarts ends the service with %i', async (url, count, status) => {
      const app = await startKeepPid(undo, host, { way, options: optionsOf(host, way) })
      for (let version = 2; version < 2 + count; version++) await app.restart(`${version}`)
      await app.get(url).catch(() => {})
      const ended = await app.ended
      matrix.crashed(host, way, ended)
      expect(ended).toEqual([host.crashesAs ?? status, null])
    })
  },
)

each(refused)(refused.length > 0 ? refused : nobody)(
  'without a keeper: $name (needs $needs)',
  ({ host, way }) => {
    test('a restart is refused, or changes the pid and reports it', async () => {
      const app = await startKeepPid(undo, host, { way, options: patient })
      app.deploy('2')
      app.signal('SIGHUP')
      const [said] = await app.heardOnStderr(host.refusal!)
      matrix.refused(host, way, said)
      expect(await app.get()).toHaveProperty('version')
    })
  },
)
