import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { startApp } from '../src/app-process.ts'
import { describePosix, identityOf } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const fixture = path.join(__dirname, '../fixtures/restart/closing.mjs')

describePosix('a server whose successor dies when it has taken over', () => {
  test('listens again, and its application has heard of neither', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const deathFile = path.join(folder, 'die')
    writeFileSync(deathFile, '')
    const port = await freePort()
    const app = await startApp({ file: fixture, args: [String(port), deathFile] })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    const { pid } = app
    const said = (): string[] => app.lines.filter((line) => line.pid === pid).map(({ event }) => event)
    for (const round of [1, 2]) {
      const from = app.lines.length
      app.signal('SIGHUP', pid)
      await app.waitFor('restart-failed', { from })
      const client = await RawClient.connect({ port })
      undo.add(() => client.destroy())
      expect({ round, answered: identityOf(await client.request()).pid }).toEqual({ round, answered: pid })
      expect(said()).toEqual(['listening', ...Array(round).fill(['handing-over', 'restart-failed'])].flat())
      client.destroy()
    }

    // Now it stays.
    rmSync(deathFile)
    app.signal('SIGHUP', pid)
    await app.exitOf(pid)
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    expect(identityOf(await client.request())).toMatchObject({ generation: 2 })
    // What was asked for in the handovers that failed is called back by the one that did not.
    const [, , , , , ...last] = said()
    expect(last[0]).toBe('handing-over')
    expect(last.slice(1).sort()).toEqual(['close', 'closed', 'closed', 'closed', 'shutdown'])
    expect(last.at(-1)).toBe('shutdown')
  })
})
