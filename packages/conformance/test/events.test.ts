import type { AppProcess } from '../src/app-process.ts'
import { leftovers } from '@zerodrop/traffic'
import { describePosix, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

interface Told {
  name: string
  message: Record<string, unknown>
}

/** What one process has published, in order. */
function toldBy(app: AppProcess, pid: number): Told[] {
  return app.lines.filter((line) => line.event === 'told' && line.pid === pid) as unknown as Told[]
}

function namesOf(app: AppProcess, pid: number): string[] {
  return toldBy(app, pid).map(({ name }) => name)
}

describePosix('on the diagnostics channels', () => {
  test('every step of a start, a failed restart, a restart, and a stop with cut requests', async () => {
    const site = await Site.start(undo, 'events.mjs', { drainTimeout: 1500 })
    const { app } = site
    const client = await site.connect()
    await client.request()
    site.deploy('2', 'exits')
    app.signal('SIGHUP')
    await app.waitFor('restart-failed')
    site.deploy('3')
    const { before, after } = await site.restart()
    await app.exitOf(before)
    expect(namesOf(app, before)).toEqual([
      'listening',
      'ready',
      'restart:start',
      'restart:failed',
      'restart:start',
      'restart:ready',
      'restart:handing-over',
      'drain:accept-stopped',
      'drain:settled',
      'drain:complete',
      'restart:complete',
      'exit',
    ])
    const { message: complete } = toldBy(app, before).find(({ name }) => name === 'restart:complete')!
    expect(complete).toMatchObject({ pid: after, generation: 2, migrated: 1, cut: 0 })

    await client.request()
    const lost = client.request({ path: '/hold' }).catch((error: unknown) => error)
    await site.gates.visit()
    app.signal('SIGTERM')
    await lost
    await app.exitOf(after)
    expect(namesOf(app, after)).toEqual([
      'inherited',
      'listening',
      'ready',
      'predecessor:ended',
      'drain:start',
      'drain:accept-stopped',
      'drain:settled',
      'drain:forceable',
      'drain:force',
      'connection:cut',
      'drain:complete',
      'exit',
    ])
    const messages = Object.fromEntries(toldBy(app, after).map(({ name, message }) => [name, message]))
    const address = expect.stringMatching(new RegExp(`^tcp://.*:${site.port}$`)) as unknown
    expect(messages).toMatchObject({
      inherited: { generation: 2, listeners: [address] },
      listening: { address, inherited: true },
      ready: { generation: 2 },
      'predecessor:ended': { pid: before, migrated: 1, cut: 0 },
      'drain:start': { reason: 'SIGTERM' },
      'drain:force': { forced: false, cut: 1 },
      'connection:cut': { connection: { state: 'handling', method: 'GET', url: '/hold' } },
      'drain:complete': { cut: 1, result: { finished: 0, cut: [{ url: '/hold' }] } },
      exit: { code: 1 },
    })
  })
})

describePosix("Fastify's own log", () => {
  test('has every step with its fields, stderr has none, and probes leave no lines', async () => {
    const site = await Site.start(undo, 'fastify-log.mjs', { health: { livez: '/taken', readyz: '/readyz' } })
    const { app } = site
    const client = await site.connect()
    await expect(client.request({ path: '/readyz' })).resolves.toMatchObject({ status: 200 })
    // A route that the application has declared is its own.
    const taken = await client.request({ path: '/taken' })
    expect(taken.body.toString()).toBe('by the application')
    site.deploy('2', 'exits')
    app.signal('SIGHUP')
    await app.waitFor('restart-failed')
    const held = client.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    await held
    await app.exited
    const log = app.output.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine)
    const find = (text: string) => log.find(({ msg }) => msg.startsWith(text))
    expect(find('zerodrop: ready')).toMatchObject({ level: 30, generation: 1, pid: app.pid })
    expect(find('zerodrop: restart failed')).toMatchObject({
      level: 50,
      err: {
        type: 'ZerodropError',
        code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
        stack: expect.any(String) as unknown,
      },
    })
    expect(find('zerodrop: drained in')).toMatchObject({ level: 30, finished: 1, cut: 0 })
    expect(app.stderr).not.toContain('[zerodrop]')
    const asked = log.flatMap(({ req }) => req?.url ?? [])
    expect(asked).toEqual(['/taken', '/hold'])
  })
})

interface LogLine {
  level: number
  msg: string
  req?: { url: string }
}
