import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { leftovers } from '@zerodrop/traffic'
import { describePosix, identityOf, Site, targets } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(made, { recursive: true }))
  return made
}

const read = (file: string): string => readFileSync(file, 'utf8')

describePosix.each(targets)('the pid file of %s', (_name, fixture) => {
  test('names the process that serves, and goes with the last one', async () => {
    const pidFile = path.join(folder(), 'app.pid')
    // A crash has left it.
    writeFileSync(pidFile, '999999\n')
    const site = await Site.start(undo, fixture, { pidFile })
    const client = await site.connect()
    await client.request()
    expect(read(pidFile)).toBe(`${site.app.pid}\n`)
    site.deploy('broken', 'throws')
    site.app.signal('SIGHUP')
    await site.app.waitFor('restart-failed')
    expect(read(pidFile)).toBe(`${site.app.pid}\n`)
    site.deploy('2')
    const { before, after } = await site.restart()
    await site.app.exitOf(before)
    expect(identityOf(await client.request())).toMatchObject({ pid: after })
    expect(read(pidFile)).toBe(`${after}\n`)
    client.destroy()
    site.app.signal('SIGTERM', after)
    await site.app.exitOf(after)
    expect(readdirSync(path.dirname(pidFile))).toEqual([])
  })
})

describePosix('the pid file', () => {
  test('names the predecessor again when it takes over again', async () => {
    const pidFile = path.join(folder(), 'app.pid')
    const site = await Site.start(undo, 'http.mjs', { pidFile })
    const held = await site.connect()
    held.request({ path: '/hold' }).catch(() => {})
    await site.gates.visit()
    const { before, after } = await site.restart()
    // A request answered there was sent behind the word that it serves.
    expect(identityOf(await (await site.connect()).request())).toMatchObject({ pid: after })
    await pidFileNames(pidFile, after)
    process.kill(after, 'SIGKILL')
    await site.app.waitFor('restart-failed')
    expect(read(pidFile)).toBe(`${before}\n`)
  })

  test('that cannot be written is reported, and the process serves', async () => {
    const pidFile = path.join(folder(), 'missing', 'app.pid')
    const site = await Site.start(undo, 'http.mjs', { pidFile, lingerTimeout: 0 })
    expect((await (await site.connect()).request()).status).toBe(200)
    await site.app.waitForStderr(/ERR_ZERODROP_PID_FILE_FAILED: .*no such file or directory/)
    site.app.signal('SIGTERM')
    await expect(site.app.exited).resolves.toEqual(clean)
    expect(existsSync(pidFile)).toBe(false)
  })
})

/** The file is written at a message that may be on its way. */
async function pidFileNames(file: string, pid: number): Promise<void> {
  while (read(file) !== `${pid}\n`) await new Promise((resolve) => setImmediate(resolve))
}
