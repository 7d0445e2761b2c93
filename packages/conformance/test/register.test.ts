import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { type AppOptions, startApp } from '../src/app-process.ts'
import { openGates } from './support/gates.ts'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const fixtures = path.join(__dirname, '../fixtures/register')
const register = '@zerodrop/core/register'
const byImport = { execArgv: ['--import', register] }

type Start = Pick<AppOptions, 'args' | 'execArgv' | 'execPath' | 'cwd' | 'env'>

const startSite = (file: string, start: Start) => Site.start(undo, `register/${file}`, {}, { start })

async function startOther(file: string, { args = [], ...options }: Partial<AppOptions> = {}) {
  const app = await startApp({ ...byImport, file: path.join(fixtures, file), args, ...options })
  undo.add(() => app.stop())
  return app
}

describePosix('an application without a line of zerodrop', () => {
  const ways: [string, string, Start][] = [
    ['--import, ES modules', 'server.mjs', byImport],
    ['--import, CommonJS', 'server.cjs', byImport],
    ['--require, CommonJS', 'server.cjs', { execArgv: ['--require', register] }],
    ['--require, ES modules', 'server.mjs', { execArgv: ['--require', register] }],
    ['NODE_OPTIONS', 'server.mjs', { env: { NODE_OPTIONS: `--import=${register}` } }],
    ['both', 'server.mjs', { ...byImport, env: { NODE_OPTIONS: `--require=${register}` } }],
  ]

  test.each(ways)('%s (%s): stops, restarts and survives a bad deploy', async (_way, file, start) => {
    const site = await startSite(file, start)
    const [busy, idle] = await site.connectMany(2)
    await idle!.request({ path: '/' })
    const held = busy!.request({ path: '/hold' })
    const visit = await site.gates.visit()

    site.deploy('2', 'throws')
    site.app.signal('SIGHUP')
    await site.app.waitFor('restart-failed')
    expect(identityOf(await idle!.request({ path: '/' }))).toMatchObject({ version: '1' })

    site.deploy('3')
    const { before, after } = await site.restart()
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200 })
    await site.app.exitOf(before)
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(identityOf(await idle!.request({ path: '/' }))).toMatchObject({ version: '3', pid: after })
    busy!.destroy()

    const last = idle!.request({ path: '/hold' })
    const lastVisit = await site.gates.visit()
    await site.drain()
    lastVisit.open()
    await expect(last).resolves.toMatchObject({ status: 200, closes: true })
    await expect(site.app.waitFor('exit', { from: site.app.lines.length - 1 })).resolves.toMatchObject({
      pid: after,
      code: 0,
    })
    expect(site.app.stderr).not.toContain('ERR_ZERODROP_DRAIN')
  })

  test('Fastify: its onClose hooks run once in each process, after the last request', async () => {
    const site = await startSite('fastify.mjs', byImport)
    site.deploy('2')
    const { before, after } = await site.restart()
    await site.app.exitOf(before)
    const client = await site.connect()
    const held = client.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200, closes: true })
    await site.app.exitOf(after)
    expect(site.app.lines.flatMap(({ event, pid }) => (event === 'closed' ? [pid] : []))).toEqual([
      before,
      after,
    ])
    expect(site.app.stderr).not.toContain('ERR_ZERODROP')
  })

  test('a plugin in the application has the last word', async () => {
    const env = { ZERODROP_DRAIN_TIMEOUT: '1', ZERODROP_SIGNALS: '{"SIGUSR2":"ignore","SIGHUP":"shutdown"}' }
    const site = await startSite('plugin.mjs', { ...byImport, env })
    const client = await site.connect()
    const held = client.request({ path: '/hold' })
    const visit = await site.gates.visit()
    await site.drain('SIGUSR2')
    visit.open()
    await expect(held).resolves.toMatchObject({ status: 200 })
    await expect(site.app.exited).resolves.toEqual({ code: 0, signal: null })
  })

  test('reads options from the environment, and otherwise from package.json', async () => {
    const start = { ...byImport, cwd: path.join(fixtures, 'manifest') }
    const file = '../server.mjs'
    const manifest = await Site.start(undo, file, {}, { start })
    await manifest.drain('SIGUSR2')
    await expect(manifest.app.exited).resolves.toEqual({ code: 0, signal: null })

    const env = { ZERODROP_SIGNALS: '{"SIGUSR2":"status"}' }
    const variable = await Site.start(undo, file, {}, { start: { ...start, env } })
    variable.app.signal('SIGUSR2')
    await variable.app.waitForStderr(/serving/)
    await variable.drain()
    await expect(variable.app.exited).resolves.toEqual({ code: 0, signal: null })
  })

  test.each([
    [
      { ZERODROP_DRAIN_TIMEOUT: '20s' },
      /Expected "drainTimeout" to be a number of milliseconds, 0 or more, or Infinity, got "20s"\. It comes from the environment variable ZERODROP_DRAIN_TIMEOUT\./,
    ],
    [{ ZERODROP_DRAIN_TIMOUT: '20' }, /ZERODROP_DRAIN_TIMOUT\. Did you mean ZERODROP_DRAIN_TIMEOUT\?/],
    [{ ZERODROP_SIGNALS: '{"SIGTREM":"shutdown"}' }, /ERR_ZERODROP_SIGNAL_UNKNOWN/],
  ])('a wrong option ends the process before it serves: %j', async (env, said) => {
    const site = startSite('server.mjs', { ...byImport, env })
    await expect(site).rejects.toThrow(said)
  })
})

describePosix('processes that are left alone', () => {
  const none = [0, 0, 0, 0]

  test.each(['neverListens', 'pipe', 'thread'])('%s', async (scene) => {
    const app = await startOther('others.mjs', { args: [scene] })
    await expect(app.waitFor('traces')).resolves.toMatchObject({ handlers: none })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.stderr).toBe('')
  })
})

describePosix('a cluster', () => {
  test.each(['primary', 'worker'])('SIGTERM to the %s: in-flight requests are answered', async (target) => {
    const app = await startOther('others.mjs', { args: ['primary'] })
    const { pid, port } = await app.waitFor('listening')
    const client = await RawClient.connect({ port: port as number })
    undo.add(() => client.destroy())
    const answer = client.request({ path: '/' })
    // Behind it on another connection, so the first has arrived.
    const other = await RawClient.connect({ port: port as number })
    undo.add(() => other.destroy())
    await other.request({ path: '/' })
    const second = other.request({ path: '/' })
    app.signal('SIGTERM', target === 'primary' ? app.pid : pid)
    await expect(answer).resolves.toMatchObject({ status: 200 })
    await expect(second).resolves.toMatchObject({ status: 200, closes: true })
    await expect(app.waitFor('worker-exit')).resolves.toMatchObject({ code: 0, signal: null })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })
})

describePosix('Next, which listens before it has loaded what answers', () => {
  test('is ready when it has answered: a successor takes over only then', async () => {
    const gates = await openGates(undo)
    const port = await freePort()
    const app = await startOther('next.mjs', { args: [String(port), String(gates.port)] })
    ;(await gates.visit()).open()
    await expect(app.waitFor('ready')).resolves.toMatchObject({ pid: app.pid, loaded: true })
    const from = app.lines.length
    app.signal('SIGHUP')
    const { pid } = await app.waitFor('listening', { from })
    const visit = await gates.visit()
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    expect(identityOf(await client.request())).toMatchObject({ pid: app.pid })
    visit.open()
    await expect(app.waitFor('ready', { from })).resolves.toMatchObject({ pid, loaded: true })
    await app.exitOf(app.pid)
    expect(identityOf(await client.request())).toMatchObject({ pid })
  })
})
