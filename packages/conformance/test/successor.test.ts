import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { leftovers } from '@zerodrop/traffic'
import { describePosix, identityOf, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

describePosix.each(targets)('a successor of %s', (_name, fixture) => {
  test('shows nothing of the handover to the application or to its children', async () => {
    const site = await Site.start(undo, fixture, {}, { probe: true })
    const first = await site.app.waitFor('booted')
    const { after } = await site.restart()
    const second = await site.app.waitFor(({ event, pid }) => event === 'booted' && pid === after)
    // The third was started by a process that itself has a predecessor.
    const { after: last } = await site.restart()
    const third = await site.app.waitFor(({ event, pid }) => event === 'booted' && pid === last)
    for (const { own, execArgv, child } of [first, second, third]) {
      expect([own, execArgv]).toEqual([null, []])
      expect(child).toEqual(first['child'])
    }
  })

  test('that is starting survives the signals that restart its predecessor', async () => {
    const site = await Site.start(undo, fixture)
    site.deploy('2', 'boots-at-a-gate')
    const from = site.app.lines.length
    site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    site.app.signal('SIGHUP', visit.pid)
    site.app.signal('SIGUSR2', visit.pid)
    site.app.signal('SIGHUP', site.app.pid)
    visit.open()
    await site.app.waitFor('handing-over', { from })
    await site.app.exitOf(site.app.pid)
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: visit.pid, version: '2' })
    await expect(site.app.exited).resolves.toEqual(clean)
    // Ready, it is itself what these signals restart.
    site.deploy('3')
    const { before } = await site.restart()
    expect(before).toBe(visit.pid)
  })
})

describePosix('what a successor is started with', () => {
  test('is the environment of the start: a changed --env-file is read again', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const envFile = path.join(folder, '.env')
    writeFileSync(envFile, 'ZERODROP_TEST_SETTING=old\n')
    const site = await Site.start(
      undo,
      'http.mjs',
      {},
      { probe: true, start: { execArgv: [`--env-file=${envFile}`] } },
    )
    await expect(site.app.waitFor('booted')).resolves.toMatchObject({ setting: 'old' })
    writeFileSync(envFile, 'ZERODROP_TEST_SETTING=new\n')
    const { after } = await site.restart()
    const successor = await site.app.waitFor(({ event, pid }) => event === 'booted' && pid === after)
    expect(successor).toMatchObject({ setting: 'new', execArgv: [`--env-file=${envFile}`] })
  })
})

describePosix('restart()', () => {
  test('resolves with the successor and what it has inherited', async () => {
    const site = await Site.start(undo, 'http.mjs')
    const idle = await site.connectMany(3)
    await Promise.all(idle.map((client) => client.request()))
    const from = site.app.lines.length
    await idle[0]!.request({ path: '/restart' })
    const { pid } = await site.app.waitFor('listening', { from })
    const { result } = await site.app.waitFor('restarted', { from })
    expect(result).toMatchObject({ pid, generation: 2, listeners: 1, migrated: 3, cut: [] })
  })

  test('rejects with the last words of a successor that throws', async () => {
    const site = await Site.start(undo, 'http.mjs')
    site.deploy('2', 'throws')
    await (await site.connect()).request({ path: '/restart' })
    const { code, stderr } = await site.app.waitFor('rejected')
    expect(code).toBe('ERR_ZERODROP_SUCCESSOR_EXITED')
    expect(stderr).toMatch(/Error: broken on purpose\n +at /)
  })

  test.each(['prints-and-exits', 'prints-and-throws'] as const)(
    'rejects with the last words of a successor that %s, after megabytes of output',
    async (fault) => {
      const site = await Site.start(undo, 'http.mjs')
      site.deploy('2', fault)
      await (await site.connect()).request({ path: '/restart' })
      const { code, stderr } = await site.app.waitFor('rejected')
      expect(code).toBe('ERR_ZERODROP_SUCCESSOR_EXITED')
      expect(stderr).toMatch(/line 99999 \.{60}\nthe end$|line 99999 \.{60}\nError: the end\n +at /)
    },
  )

  test('rejects with the last words of a successor whose script cannot even be parsed', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const script = path.join(folder, 'server.cjs')
    const fixture = pathToFileURL(path.join(__dirname, '../fixtures/http.mjs')).href
    writeFileSync(script, `import('${fixture}')`)
    const site = await Site.start(undo, script)
    writeFileSync(script, 'const broken = ;')
    const client = await site.connect()
    await client.request({ path: '/restart' })
    const { code, stderr } = await site.app.waitFor('rejected')
    expect(code).toBe('ERR_ZERODROP_SUCCESSOR_EXITED')
    expect(stderr).toMatch(/SyntaxError: Unexpected token/)
    expect(identityOf(await client.request())).toMatchObject({ pid: site.app.pid, version: '1' })
  })
})
