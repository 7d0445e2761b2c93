import path from 'node:path'
import { startApp } from '../src/app-process.ts'
import type { AppProcess } from '../src/app-process.ts'

const APPS = 200
const fixture = path.join(__dirname, '../fixtures/thrown-away.cjs')
const { uses, traces, tracesAtRest } = require(fixture) as {
  uses: Record<string, () => Promise<void>>
  traces: () => object
  tracesAtRest: () => Promise<object>
}

const none = { state: 'starting', handlers: [0, 0, 0, 0], open: [] }

describe(`${APPS} applications that are thrown away leave no trace`, () => {
  // Jest gives its tests a `process` that sees no warning and no real signal, so a real one looks as well.
  let app: AppProcess
  beforeAll(async () => {
    app = await startApp({ file: fixture, args: [String(APPS)] })
  })
  afterAll(() => app.stop())

  describe.each(Object.entries(uses))('%s', (name, use) => {
    test('in a test', async () => {
      const before = traces()
      for (let count = 0; count < APPS; count += 1) await use()
      await expect(tracesAtRest()).resolves.toEqual(before)
    })

    test('in a process of its own', async () => {
      await expect(app.waitFor('before')).resolves.toMatchObject(none)
      await expect(app.waitFor(name, { timeout: 50_000 })).resolves.toMatchObject(none)
    })
  })

  test('and that process has printed no warning, would show a trace, and exits by itself', async () => {
    await expect(app.waitFor('with a server')).resolves.toMatchObject({
      state: 'serving',
      handlers: [1, 1, 1, 1],
      open: expect.arrayContaining(['TCPServerWrap']) as string[],
    })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.stderr).toBe('')
  })
})

test('a server that has closed is not kept in memory', async () => {
  const file = path.join(__dirname, '../fixtures/collected.mjs')
  const app = await startApp({ file, execArgv: ['--expose-gc'] })
  await expect(app.waitFor('collected')).resolves.toMatchObject({ left: 0 })
  await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
})
