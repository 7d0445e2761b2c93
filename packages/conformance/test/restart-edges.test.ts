import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { leftovers } from '@zerodrop/traffic'
import type { Visit } from './support/gates.ts'
import { describePosix, identityOf, Site } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

/** Lets every hook go on until this one waits, which it returns. */
async function hookThatWaits(site: Site, name: string): Promise<Visit> {
  for (;;) {
    const visit = await site.gates.visit()
    if (visit.name === name) return visit
    visit.open()
  }
}

/** Lets every hook go on from now on. */
async function openAll(site: Site): Promise<never> {
  for (;;) (await site.gates.visit()).open()
}

describePosix('a successor', () => {
  test('that dies as soon as it is ready leaves its predecessor serving, even without clients', async () => {
    const site = await Site.start(undo, 'http.mjs')
    site.deploy('2', 'dies-when-ready')
    site.app.signal('SIGHUP')
    await site.app.waitFor('restart-failed')
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: site.app.pid })
  })

  test('that reports ready without a listening server is not', async () => {
    const site = await Site.start(undo, 'http.mjs', { manualReady: true, readyTimeout: 2000 })
    ;(await site.gates.visit()).open()
    site.deploy('2', 'says-ready-and-never-listens')
    site.app.signal('SIGHUP')
    await expect(site.app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_READY_TIMEOUT',
    })
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: site.app.pid })
  })
})

describePosix('a release that never imports zerodrop', () => {
  test('exits when its predecessor has died: it would hold the socket and serve no client', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const script = path.join(folder, 'server.cjs')
    const fixture = pathToFileURL(path.join(__dirname, '../fixtures/http.mjs')).href
    writeFileSync(script, `import('${fixture}')`)
    const site = await Site.start(undo, script, { readyTimeout: 5000 })
    const said = `console.log(JSON.stringify({ event: 'mute', pid: process.pid }))`
    writeFileSync(script, `${said}; setInterval(() => {}, 60_000)`)
    const before = site.app.signal('SIGHUP')
    const { pid } = await site.app.waitFor('mute')
    process.kill(before, 'SIGKILL')
    await site.app.exitOf(pid!)
    await expect(site.connect()).rejects.toThrow(/ECONNREFUSED|ECONNRESET/)
  })
})

describePosix('a signal while hooks run', () => {
  test('to stop, before the handover: predecessor and successor end', async () => {
    const site = await Site.start(undo, 'http.mjs', {}, { hooks: 'gate' })
    ;(await hookThatWaits(site, 'onReady second')).open()
    const before = site.app.signal('SIGHUP')
    const visit = await hookThatWaits(site, 'onRestart first')
    const { successor } = await site.app.waitFor('handing-over')
    site.app.signal('SIGTERM', before)
    void openAll(site)
    await site.app.exitOf((successor as { pid: number }).pid)
    visit.open()
    await expect(site.app.exited).resolves.toEqual(clean)
  })

  test('a second one to stop, while a database closes: the process ends', async () => {
    const site = await Site.start(undo, 'http.mjs', {}, { hooks: 'gate' })
    site.app.signal('SIGTERM')
    await hookThatWaits(site, 'onShutdown second')
    await site.app.waitFor('forceable')
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual({ code: 143, signal: null })
    expect(site.app.lines.filter(({ kind }) => kind === 'beforeExit')).toEqual([])
  })

  test('to restart, while the log is written: it is written to its end', async () => {
    const site = await Site.start(undo, 'http.mjs', {}, { hooks: 'gate' })
    const pid = site.app.signal('SIGTERM')
    const visit = await hookThatWaits(site, 'beforeExit second')
    site.app.signal('SIGHUP', pid)
    site.app.signal('SIGUSR2', pid)
    visit.open()
    void openAll(site)
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(site.app.lines.filter(({ kind }) => kind === 'beforeExit')).toHaveLength(2)
  })

  test('the first to stop, in a handover: the last hooks run once', async () => {
    const site = await Site.start(undo, 'http.mjs', {}, { hooks: 'succeed' })
    const held = await site.connect()
    const answer = held.request({ path: '/hold' })
    const visit = await site.gates.visit()
    const { before } = await site.restart()
    site.app.signal('SIGTERM', before)
    visit.open()
    await answer
    await expect(site.app.exited).resolves.toEqual(clean)
    const last = site.app.lines.filter(({ kind, pid }) => kind === 'beforeExit' && pid === before)
    expect(last.map(({ name }) => name)).toEqual(['second', 'first'])
  })
})
