import path from 'node:path'
import { freePort, leftovers, RawClient, startTraffic } from '@zerodrop/traffic'
import { startApp } from '../src/app-process.ts'
import { describePosix, identityOf } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const ways = ['same turn', 'every address', 'one server', 'no waiting', 'with pauses']
const file = path.join(__dirname, '../fixtures/restart/probing.mjs')
const cli = path.join(__dirname, '../../cli/dist/main.js')

describePosix.each(ways)('an application that looks for a free port first: %s', (way) => {
  test('has the same port in every generation, and no client notices', async () => {
    const port = await freePort()
    const app = await startApp({ file, args: [way, String(port)] })
    undo.add(() => app.stop())
    await expect(app.waitFor('listening')).resolves.toMatchObject({ port, generation: 1 })
    const traffic = startTraffic({
      port,
      keepAliveClients: 3,
      connectionClients: 3,
      slowClients: 0,
      uploadClients: 0,
    })
    undo.add(() => traffic.stop())
    await traffic.after(10)
    let before = app.pid
    for (const generation of [2, 3]) {
      const from = app.lines.length
      app.signal('SIGHUP', before)
      const { pid } = await app.waitFor('listening', { from })
      const isOutcome = ({ event }: { event: string }) =>
        event === 'handing-over' || event === 'restart-failed'
      await expect(app.waitFor(isOutcome, { from })).resolves.toMatchObject({ event: 'handing-over' })
      await app.exitOf(before)
      const client = await RawClient.connect({ port })
      undo.add(() => client.destroy())
      expect(identityOf(await client.request())).toMatchObject({ pid, generation })
      before = pid as number
    }
    await traffic.after(10)
    expect(await traffic.stop()).toMatchObject({ lost: 0, losses: [], refused: 0 })
    expect(app.lines.filter(({ event }) => event === 'warning')).toEqual([])
    expect(
      app.stderr.split('\n').filter((line) => !/ handed over to generation /.test(line) && line !== ''),
    ).toEqual([])
    await expect(app.exited).resolves.toEqual(clean)
  }, 60_000)
})

describePosix.each(ways)('under a keeper, an application that looks for a free port first: %s', (way) => {
  test('has the same port after a crash and after a restart', async () => {
    const port = await freePort()
    const app = await startApp({ file: cli, args: ['run', '--respawn', file, way, String(port)] })
    undo.add(() => app.stop())
    const first = await app.waitFor('listening')
    expect(first.port).toBe(port)
    let { pid } = first
    for (const act of ['SIGKILL', 'SIGHUP'] as const) {
      const from = app.lines.length
      // A restart is asked for where the first pid is: at the keeper.
      process.kill(act === 'SIGKILL' ? pid! : app.pid, act)
      const next = await app.waitFor('listening', { from })
      expect({ act, port: next.port }).toEqual({ act, port })
      await app.exitOf(pid!)
      const client = await RawClient.connect({ port })
      undo.add(() => client.destroy())
      expect(identityOf(await client.request())).toMatchObject({ pid: next.pid })
      pid = next.pid
    }
  })
})

describePosix('under a keeper', () => {
  test('a server listens at the address that another of the same process has just closed', async () => {
    const port = await freePort()
    const app = await startApp({ file: cli, args: ['run', file, 'held open', String(port)] })
    undo.add(() => app.stop())
    await expect(app.waitFor('listening')).resolves.toMatchObject({ port })
  })
})
