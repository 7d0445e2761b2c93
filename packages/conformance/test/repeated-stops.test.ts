import path from 'node:path'
import { freePort, leftovers, LostRequest, RawClient } from '@zerodrop/traffic'
import { type AppOptions, startApp } from '../src/app-process.ts'
import { openGates } from './support/gates.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const file = path.join(__dirname, '../fixtures/signals/repeated.mjs')
const launcher = path.join(__dirname, '../fixtures/signals/forwarding.mjs')

/** A server with one request in flight. */
async function busy(options: Partial<AppOptions> = {}) {
  const gates = await openGates(undo)
  const port = await freePort()
  const app = await startApp({ file, args: [`${port}`, `${gates.port}`], ...options })
  undo.add(() => app.stop())
  const { pid } = await app.waitFor('listening')
  const client = await RawClient.connect({ port })
  undo.add(() => client.destroy())
  const answer = client.request({ path: '/' })
  answer.catch(() => {})
  return { app, pid: pid as number, answer, visit: await gates.visit() }
}

describePosix('a stop that arrives twice', () => {
  test.each<NodeJS.Signals>(['SIGINT', 'SIGTERM'])(
    'because a launcher passes on the %s that the process group got cuts nothing',
    async (signal) => {
      // A process group of its own, as a terminal has one for each command.
      const { app, answer, visit } = await busy({
        execPath: 'setsid',
        execArgv: [process.execPath, launcher],
      })
      process.kill(-app.pid, signal)
      // Where the second arrives before the first is delivered, the kernel has merged them.
      await app.waitFor('forceable')
      visit.open()
      await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
      await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
      expect(app.lines.filter(({ event }) => event === 'hook')).toHaveLength(1)
      expect(app.stderr).toMatch(/: 1 finished, 0 served meanwhile, 0 cut\n/)
    },
  )

  test.each(['pid', 'string', 'zero', 'group'])(
    'because the process signals itself by its %s cuts nothing, however late',
    async (form) => {
      const { app, pid, answer, visit } = await busy({
        env: { SELF: form },
        execPath: 'setsid',
        execArgv: [process.execPath],
      })
      process.kill(pid, 'SIGTERM')
      await app.waitFor('forceable')
      process.kill(pid, 'SIGWINCH')
      expect(await app.waitFor('merged')).toMatchObject({ signal: 'SIGTERM', own: true })
      visit.open()
      await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
      await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
      expect(app.stderr).toMatch(/SIGTERM, sent by this process to itself, does not force the stop/)
    },
  )

  test('is a second request half a second later, even after one of its own', async () => {
    const { app, pid, answer } = await busy()
    process.kill(pid, 'SIGINT')
    await app.waitFor('forceable')
    process.kill(pid, 'SIGWINCH')
    await app.waitFor('merged')
    process.kill(pid, 'SIGTERM')
    await expect(answer).rejects.toBeInstanceOf(LostRequest)
    await expect(app.exited).resolves.toEqual({ code: 143, signal: null })
    expect(app.lines.filter(({ event }) => event === 'hook')).toEqual([])
  })
})
