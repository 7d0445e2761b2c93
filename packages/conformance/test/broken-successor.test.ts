import { leftovers } from '../src/leftovers.ts'
import type { Leftovers } from '../src/leftovers.ts'
import { startTraffic } from '../src/traffic.ts'
import type { Fault } from './support/site.ts'
import { describePosix, identityOf, Site, targets } from './support/site.ts'

// Small enough to be waited for, and far more than a good successor needs on a busy machine.
const readyTimeout = 5000

const faults: [fault: Fault, code: string, onStderr: RegExp][] = [
  ['throws', 'ERR_ZERODROP_SUCCESSOR_EXITED', /broken on purpose[^]*exited with code 1 /],
  ['exits', 'ERR_ZERODROP_SUCCESSOR_EXITED', /exited with code 0 /],
  ['never-listens', 'ERR_ZERODROP_READY_TIMEOUT', /not ready within 5000 ms/],
]

describePosix('a predecessor survives a successor', () => {
  // At the same time, as most of it is waiting.
  test.concurrent.each(targets)(
    'that throws, that exits and that never listens, and is replaced by a good one: %s',
    async (_name, fixture) => {
      const undo = leftovers()
      try {
        await expectSurvival(undo, fixture)
      } finally {
        await undo.disposeAll()
      }
    },
  )
})

async function expectSurvival(undo: Leftovers, fixture: string): Promise<void> {
  const site = await Site.start(undo, fixture, { readyTimeout })
  const counts = { keepAliveClients: 5, connectionClients: 1, slowClients: 1, uploadClients: 1 }
  const traffic = startTraffic({
    port: site.port,
    ...counts,
    think: [20, 60],
    paths: { slow: '/slow?ms=100' },
  })
  undo.add(() => traffic.stop())
  const client = await site.connect()

  for (const [fault, code, onStderr] of faults) {
    site.deploy(fault, fault)
    traffic.mark(fault)
    const from = site.app.lines.length
    site.app.signal('SIGHUP', site.app.pid)
    const { pid: successor } = await site.app.waitFor('booted', { from })
    await expect(site.app.waitFor('restart-failed', { from })).resolves.toMatchObject({ code })
    await site.app.waitForStderr(onStderr)
    expect(site.app.stderr).toContain(`pid ${site.app.pid}: restart failed: ${code}`)
    await site.app.exitOf(successor!)
    await traffic.after(20)
    expect(identityOf(await client.request())).toEqual({ version: '1', pid: site.app.pid, generation: 1 })
  }

  site.deploy('good')
  traffic.mark('good')
  const { before, after } = await site.restart()
  await site.app.exitOf(before)
  await traffic.after(20)
  expect(identityOf(await client.request())).toEqual({ version: 'good', pid: after, generation: 2 })
  const report = await traffic.stop()
  expect(report).toMatchObject({ lost: 0, losses: [], refused: 0, versions: ['1', 'good'] })
  expect(report.connections).toEqual({ clients: 7, opened: 7, kept: 7, closed: 0, reset: 0 })
  await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
}
