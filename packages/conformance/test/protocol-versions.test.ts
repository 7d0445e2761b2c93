import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type AppProcess, startApp } from '../src/app-process.ts'
import { protocolVersion } from '../../core/src/system/boot.ts'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const core = path.join(__dirname, '../../core')

/** A release that is deployed by writing the name of its folder. */
class Releases {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))

  /** @param catches whether the application goes on when zerodrop does not start */
  add(name: string, protocolVersion: number, catches: boolean): void {
    const release = path.join(this.folder, name)
    const copy = path.join(release, 'node_modules/@zerodrop/core')
    mkdirSync(path.dirname(copy), { recursive: true })
    for (const part of ['dist', 'package.json'])
      cpSync(path.join(core, part), path.join(copy, part), { recursive: true })
    for (const file of ['dist/core.js', 'dist/system/preload.js']) {
      const code = readFileSync(path.join(copy, file), 'utf8')
      const other = code.replace(/protocolVersion = \d+/, `protocolVersion = ${protocolVersion}`)
      if (!other.includes(`protocolVersion = ${protocolVersion}`))
        throw new Error('the version is elsewhere now')
      writeFileSync(path.join(copy, file), other)
    }
    writeFileSync(path.join(release, 'server.cjs'), server(name, catches))
  }

  /** Makes it the current one, in one step. */
  deploy(name: string): void {
    const current = path.join(this.folder, 'current')
    rmSync(current, { force: true })
    symlinkSync(name, current)
  }
}

const server = (name: string, catches: boolean): string => `
const { lifecycle } = require('@zerodrop/core')
const say = (event, more) => console.log(JSON.stringify({ event, pid: process.pid, ...more }))
say('booted')
lifecycle.events.on('restart:failed', ({ error }) => say('restart-failed', { code: error.code, message: error.message }))
try {
  lifecycle.configure()
} catch (error) {
  say('caught', { code: error.code })
  if (!${catches}) throw error
  setInterval(() => {}, 60_000)
  return
}
require('node:http')
  .createServer((request, response) => response.end('${name}'))
  .listen(Number(process.argv[2]), '127.0.0.1', () => say('listening'))
`

async function start(
  other: number,
  catches: boolean,
): Promise<{ app: AppProcess; port: number; releases: Releases }> {
  const releases = new Releases()
  undo.add(() => rmSync(releases.folder, { recursive: true }))
  releases.add('own', protocolVersion, false)
  releases.add('other', protocolVersion + other, catches)
  releases.deploy('own')
  const port = await freePort()
  const cwd = path.join(releases.folder, 'current')
  const app = await startApp({ file: 'server.cjs', args: [`${port}`], cwd, env: { PWD: cwd } })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  return { app, port, releases }
}

async function get(port: number): Promise<string> {
  const client = await RawClient.connect({ port })
  undo.add(() => client.destroy())
  return (await client.request()).body.toString()
}

describePosix.each([
  ['older', -1],
  ['newer', 1],
])('a release whose zerodrop is of an %s protocol', (_which, other) => {
  test.each([
    ['that goes on without zerodrop', true],
    ['that ends by the error', false],
  ])('%s fails the restart at once, with a code of its own', async (_how, catches) => {
    const { app, port, releases } = await start(other, catches)
    releases.deploy('other')
    const pid = app.signal('SIGHUP')
    const failed = await app.waitFor('restart-failed')
    expect(failed).toMatchObject({
      code: 'ERR_ZERODROP_PROTOCOL_MISMATCH',
      message: expect.stringMatching(/speaks version \d+ of .* Stop the old process and start the new one/),
    })
    // It may not have come to its first line.
    while (app.family().length > 1) await delay(10)
    await expect(get(port)).resolves.toBe('own')

    releases.deploy('own')
    const from = app.lines.length
    app.signal('SIGHUP', pid)
    await app.waitFor('listening', { from })
    await app.exitOf(pid)
    await expect(get(port)).resolves.toBe('own')
  })
})
