import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers } from '@zerodrop/traffic'
import { startApp } from '../src/app-process.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

describePosix('SIGUSR2 that was given to Node', () => {
  test.each<[how: string, start: { execArgv?: string[]; options?: string; later?: boolean }]>([
    ['on the command line', { execArgv: ['--report-on-signal'] }],
    ['in NODE_OPTIONS', { options: '--report-on-signal --report-signal=SIGUSR2' }],
    ['by the program', { later: true }],
  ])('%s writes a report, twice, and does not restart', async (_how, { execArgv = [], options, later }) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const app = await startApp({
      file: path.join(__dirname, '../fixtures/signals/given-away.mjs'),
      args: [`${await freePort()}`, folder, ...(later === true ? ['later'] : [])],
      execArgv,
      env: { NODE_OPTIONS: options },
    })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    app.signal('SIGUSR2')
    await app.waitForStderr(/Node.js report completed/)
    app.signal('SIGUSR2')
    await app.waitForStderr(/Node.js report completed[^]*Node.js report completed/)
    app.signal('SIGTERM')
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.lines.map(({ event }) => event)).toEqual(['listening'])
  })
})
