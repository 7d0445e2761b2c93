import path from 'node:path'
import { startApp } from '../src/app-process.ts'
import type { AppProcess } from '../src/app-process.ts'
import { freePort, leftovers } from '@zerodrop/traffic'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const fixture = path.join(__dirname, '../fixtures/bad-input/hangs.mjs')

async function start(options: object, ...hangs: string[]): Promise<AppProcess> {
  const app = await startApp({
    file: fixture,
    args: [`${await freePort()}`, JSON.stringify(options), ...hangs],
  })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  return app
}

const hooksOf = (app: AppProcess): unknown[] =>
  app.lines.flatMap(({ event, name }) => (event === 'hook' ? name : []))

describePosix('a function "successorEnv" that never finishes', () => {
  test('fails the restart at readyTimeout, and the next signal is a new attempt', async () => {
    const app = await start({ readyTimeout: 100 }, 'successorEnv')
    for (const times of [1, 2]) {
      app.signal('SIGHUP')
      const said = new RegExp(
        `(ERR_ZERODROP_READY_TIMEOUT: .* "successorEnv" did not finish within 100 ms[^]*){${times}}`,
      )
      await expect(app.waitForStderr(said)).resolves.toBeDefined()
    }
  })

  test('a stop ends it', async () => {
    const app = await start({}, 'successorEnv')
    app.signal('SIGHUP')
    await app.waitFor('successorEnv')
    app.signal('SIGTERM')
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    await app.waitForStderr(
      /ERR_ZERODROP_RESTART_ABORTED: .* while the function "successorEnv" was running\.\n/,
    )
    expect(hooksOf(app)).toEqual(['drain', 'ever', 'moment', 'last', 'exit'])
  })
})

describePosix('hooks that do not keep the event loop alive', () => {
  test('with a timeout: each runs, and the status is 0', async () => {
    const app = await start({}, 'moment')
    app.signal('SIGTERM')
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(hooksOf(app)).toEqual(['drain', 'ever', 'moment', 'last', 'exit'])
    await app.waitForStderr(/ERR_ZERODROP_HOOK_TIMEOUT: The onShutdown hook "moment"/)
  })

  test.each([
    ['drain', ['drain']],
    ['ever', ['drain', 'ever']],
    ['exit', ['drain', 'ever', 'moment', 'last', 'exit']],
  ])('without a timeout, the process waits for "%s"', async (name, hooks) => {
    const app = await start({}, name)
    app.signal('SIGTERM')
    await app.waitFor('idle')
    expect(hooksOf(app)).toEqual(hooks)
    expect(app.stderr).not.toContain('ERR_ZERODROP')
    await app.waitFor('forceable')
    app.signal('SIGTERM')
    await expect(app.exited).resolves.toEqual({ code: 143, signal: null })
    await app.waitForStderr(
      new RegExp(`a signal ended the wait for the \\w+ hook "${name}", which had not finished\n`),
    )
    expect(app.stderr.match(/ended the wait/g)).toHaveLength(1)
  })
})
