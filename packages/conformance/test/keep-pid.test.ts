import { leftovers, startDelayProxy, startTraffic } from '@zerodrop/traffic'
import { canReplaceProgram, hosts, startKeepPid } from './support/keep-pid-host.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** How many restarts; `npm run keep-pid` makes ten, lets the application crash under each host, and prints a table. */
const restarts = Number(process.env['ZERODROP_RESTARTS'] ?? 2)
const isBattery = restarts > 2

const rows: string[] = []
afterAll(() => {
  if (rows.length === 0) return
  const head = [
    '| host | restarts | seconds | requests | lost | refused | kept |',
    '| --- | --- | --- | --- | --- | --- | --- |',
  ]
  process.stdout.write(`\n${[...head, ...rows].join('\n')}\n`)
})

// A program can replace itself on Linux from Node 22.15 on. Elsewhere these are refused: see environments.test.ts.
const hostsHere = hosts.filter(({ command }) => canReplaceProgram && command !== undefined)
const describeHosts = hostsHere.length > 0 ? describe : describe.skip

describeHosts.each(hostsHere.length > 0 ? hostsHere : hosts)('$name (needs $needs)', ({ name, command }) => {
  test(
    `loses nothing in ${restarts} restarts, keeps the pid, and ends as it should`,
    async () => {
      // On a machine that is busy a drain may take long; it must cut nothing for that.
      const kept = await startKeepPid(undo, command!, { options: { drainTimeout: 60_000 } })
      const proxy = await startDelayProxy({ targetPort: kept.port, roundTrip: 30 })
      undo.add(() => proxy.close())
      const traffic = startTraffic({ port: proxy.port, directPort: kept.port, keepAliveClients: 20 })
      undo.add(() => traffic.stop())
      await traffic.after(100)
      const begun = performance.now()
      for (let version = 2; version < 2 + restarts; version++) {
        await kept.restart(`${version}`)
        await traffic.after(100)
      }
      kept.deploy('broken')
      kept.signal('SIGHUP')
      await kept.heardOnStderr(/ERR_ZERODROP_SUCCESSOR_EXITED/)
      await traffic.after(100)
      const { lost, refused, losses, connections, versions, requests } = await traffic.stop()
      const seconds = ((performance.now() - begun) / 1000).toFixed(1)
      const keeps = `${connections.kept} of ${connections.clients}`
      if (isBattery) rows.push(`| ${[name, restarts, seconds, requests, lost, refused, keeps].join(' | ')} |`)
      const said = losses.length > 0 ? kept.stderr : ''
      expect({ lost, refused, losses, said }).toEqual({ lost: 0, refused: 0, losses: [], said: '' })
      expect(connections.kept).toBe(connections.clients)
      expect(versions).toHaveLength(1 + restarts)
      expect(await kept.isSame()).toBe(true)
      kept.signal('SIGTERM')
      expect(await kept.ended).toEqual([0, null])
    },
    60_000 + restarts * 10_000,
  )
})

const crashing = isBattery ? hostsHere : hostsHere.slice(0, 1)
const describeCrashes = crashing.length > 0 ? describe : describe.skip

describeCrashes.each(crashing.length > 0 ? crashing : hosts)(
  'a crash: $name (needs $needs)',
  ({ command }) => {
    test.each([
      ['/exit?code=7', 1, 7],
      ['/exit?code=7', 2, 7],
      ['/kill?signal=SIGKILL', 1, 137],
    ])('%s after %i restarts ends the service with %i', async (url, count, status) => {
      const kept = await startKeepPid(undo, command!)
      for (let version = 2; version < 2 + count; version++) await kept.restart(`${version}`)
      await kept.get(url).catch(() => {})
      expect(await kept.ended).toEqual([status, null])
    })
  },
)
