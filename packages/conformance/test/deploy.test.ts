import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { leftovers } from '@zerodrop/traffic'
import { describePosix, identityOf, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(made, { recursive: true }))
  return made
}

/** A release whose script says of which release it is. */
function release(releases: string, name: string): string {
  const made = path.join(releases, name)
  const fixture = pathToFileURL(path.join(__dirname, '../fixtures/http.mjs')).href
  const said = `console.log(JSON.stringify({ event: 'release', pid: process.pid, name: '${name}', args: process.argv.slice(2) }))`
  mkdirSync(made)
  writeFileSync(path.join(made, 'server.cjs'), `${said}\nimport('${fixture}')`)
  return made
}

function pointTo(link: string, target: string): void {
  symlinkSync(target, `${link}.new`)
  renameSync(`${link}.new`, link)
}

describePosix('a moved symlink is followed', () => {
  test.each([
    ['when the process was started in it', (root: string) => [path.join(root, 'current'), 'server.cjs']],
    ['when it was named on the command line', (root: string) => [root, 'current/server.cjs']],
  ])('%s', async (_name, startedAs) => {
    const root = folder()
    const current = path.join(root, 'current')
    pointTo(current, release(root, '1'))
    const [cwd = '', script = ''] = startedAs(root)
    // As a shell does it: the directory keeps the name by which one went there.
    const site = await Site.start(undo, script, {}, { start: { cwd, env: { PWD: cwd } } })
    await expect(site.app.waitFor('release')).resolves.toMatchObject({ name: '1' })
    pointTo(current, release(root, '2'))
    const { before, after } = await site.restart()
    await expect(site.app.waitFor(({ name }) => name === '2')).resolves.toMatchObject({ pid: after })
    await site.app.exitOf(before)
    // Nothing of the old release is needed any more.
    rmSync(path.join(root, '1'), { recursive: true })
    pointTo(current, release(root, '3'))
    const { after: last } = await site.restart()
    await expect(site.app.waitFor(({ name }) => name === '3')).resolves.toMatchObject({ pid: last })
  })
})

describePosix('a replaced node binary', () => {
  test('runs the successor', async () => {
    const root = folder()
    const execPath = path.join(root, 'node')
    symlinkSync(process.execPath, execPath)
    const site = await Site.start(undo, 'http.mjs', {}, { probe: true, start: { execPath } })
    writeFileSync(
      `${execPath}.new`,
      `#!/bin/sh\nZERODROP_TEST_SETTING=replaced exec '${process.execPath}' "$@"\n`,
    )
    chmodSync(`${execPath}.new`, 0o755)
    renameSync(`${execPath}.new`, execPath)
    const { after } = await site.restart()
    const booted = await site.app.waitFor(({ event, pid }) => event === 'booted' && pid === after)
    expect(booted).toMatchObject({ setting: 'replaced' })
  })
})

describePosix.each(targets)('manualReady with %s', (_name, fixture) => {
  test('nothing is handed over before lifecycle.ready() is called', async () => {
    const site = await Site.start(undo, fixture, { manualReady: true })
    ;(await site.gates.visit()).open()
    const client = await site.connect()
    expect(identityOf(await client.request())).toMatchObject({ version: '1' })
    site.deploy('2')
    const from = site.app.lines.length
    const before = site.app.signal('SIGHUP')
    const visit = await site.gates.visit()
    await site.app.waitFor('listening', { from })
    expect(identityOf(await client.request())).toMatchObject({ pid: before })
    expect(site.app.lines.slice(from).map(({ event }) => event)).not.toContain('handing-over')
    visit.open()
    await site.app.exitOf(before)
    expect(identityOf(await client.request())).toMatchObject({ pid: visit.pid, version: '2' })
  })
})
