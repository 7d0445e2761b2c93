import type { AppEvent } from '../src/app-process.ts'
import { leftovers, startTraffic } from '@zerodrop/traffic'
import type { Fault } from './support/site.ts'
import { describePosix, identityOf, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const faults: [fault: Fault, code: string, onStderr: RegExp][] = [
  ['throws', 'ERR_ZERODROP_SUCCESSOR_EXITED', /broken on purpose[^]*exited with code 1 /],
  ['exits', 'ERR_ZERODROP_SUCCESSOR_EXITED', /exited with code 0 /],
  ['listens-on-nothing', 'ERR_ZERODROP_SUCCESSOR_EXITED', /exited with code 0 /],
  ['never-listens', 'ERR_ZERODROP_READY_TIMEOUT', /not ready within 4000 ms/],
]

describePosix.each(targets)('%s survives a successor', (_name, fixture) => {
  test('that is broken in any way, and is replaced by a good one', async () => {
    const site = await Site.start(undo, fixture, { readyTimeout: 4000 })
    const { app } = site
    const counts = { keepAliveClients: 5, connectionClients: 1, slowClients: 1, uploadClients: 1 }
    const traffic = startTraffic({ port: site.port, ...counts, paths: { slow: '/slow?ms=100' } })
    undo.add(() => traffic.stop())
    const client = await site.connect()

    for (const [fault, code, onStderr] of faults) {
      site.deploy(fault, fault)
      traffic.mark(fault)
      await attempt(site, (outcome) => outcome['code'] === code)
      await app.waitForStderr(onStderr)
      expect(app.stderr).toContain(`pid ${app.pid}: restart failed: ${code}`)
      await traffic.after(20)
      expect(identityOf(await client.request())).toEqual({ version: '1', pid: app.pid, generation: 1 })
    }
    for (const pid of app.pids().slice(1)) await app.exitOf(pid)

    site.deploy('good')
    traffic.mark('good')
    const { successor } = await attempt(site, ({ event }) => event === 'handing-over')
    const { pid } = successor as { pid: number }
    await app.exitOf(app.pid)
    await traffic.after(20)
    expect(identityOf(await client.request())).toEqual({ version: 'good', pid, generation: 2 })
    const report = await traffic.stop()
    expect(report).toMatchObject({ lost: 0, losses: [], refused: 0, versions: ['1', 'good'] })
    expect(report.connections).toEqual({ clients: 7, opened: 7, kept: 7, closed: 0, reset: 0 })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })

  test('that runs out of memory', async () => {
    const execArgv = ['--max-old-space-size=40']
    const site = await Site.start(undo, fixture, {}, { start: { execArgv } })
    const client = await site.connect()
    site.deploy('2', 'out-of-memory')
    site.app.signal('SIGHUP')
    await expect(site.app.waitFor('restart-failed', { timeout: 30_000 })).resolves.toMatchObject({
      code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
    })
    await site.app.waitForStderr(/heap out of memory[^]*was ended by SIGABRT /)
    expect(identityOf(await client.request())).toMatchObject({ pid: site.app.pid, version: '1' })
  })

  test('that dies as soon as it is ready: connections that were to move stay', async () => {
    const site = await Site.start(undo, fixture)
    const { app } = site
    const clients = await site.connectMany(50)
    await Promise.all(clients.map((client) => client.request()))
    site.deploy('2', 'dies-when-ready')
    app.signal('SIGHUP')
    await expect(app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
    })
    for (const client of [...clients, await site.connect()])
      expect(identityOf(await client.request())).toEqual({ version: '1', pid: app.pid, generation: 1 })
    site.deploy('good')
    const { after } = await site.restart()
    await app.exitOf(app.pid)
    for (const client of clients) expect(identityOf(await client.request())).toMatchObject({ pid: after })
  })
})

/** Restarts until it goes as wanted: on a busy machine any successor can be too late for `readyTimeout`. */
async function attempt({ app }: Site, isWanted: (outcome: AppEvent) => boolean): Promise<AppEvent> {
  for (let tries = 0; tries < 10; tries += 1) {
    const from = app.lines.length
    app.signal('SIGHUP', app.pid)
    const isOutcome = ({ event }: AppEvent): boolean => event === 'restart-failed' || event === 'handing-over'
    const outcome = await app.waitFor(isOutcome, { from })
    if (isWanted(outcome)) return outcome
  }
  throw new Error(`never went as wanted\n${app.stderr}`)
}
