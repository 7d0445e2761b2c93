import path from 'node:path'
import { startApp } from '../src/app-process.ts'
import type { AppProcess } from '../src/app-process.ts'
import { leftovers } from '@zerodrop/traffic'
import { lookUp } from '../src/process-table.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Windows has no SIGHUP to send, and macOS no /proc in which `stop` could find orphans.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

async function start(): Promise<AppProcess> {
  const app = await startApp({ file: path.join(__dirname, 'fixtures/generations.mjs') })
  undo.add(() => app.stop())
  return app
}

/** Brings up the next generation and resolves with its pid when it listens and the one before is gone. */
async function restart(app: AppProcess): Promise<number> {
  const from = app.lines.length
  const before = app.signal('SIGHUP')
  const { pid } = await app.waitFor('listening', { from })
  await app.exitOf(before)
  return pid as number
}

test('a file that cannot be started rejects with an error', async () => {
  await expect(startApp({ file: 'x', execPath: '/nonexistent' })).rejects.toThrow('ENOENT')
})

describeLinux('generations', () => {
  test('follows an app through its generations', async () => {
    const app = await start()
    await expect(app.waitFor('listening')).resolves.toMatchObject({ pid: app.pid, generation: 1 })
    const second = await restart(app)
    const third = await restart(app)
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.pids()).toEqual([app.pid, second, third])
    expect(app.pids().map((pid) => app.isAlive(pid))).toEqual([false, false, true])
    expect(app.output).toEqual(['not an event', 'not an event', 'not an event'])
    await expect(app.waitFor((event) => event['generation'] === 3)).resolves.toMatchObject({ pid: third })
  })

  test('a wait rejects as soon as the last generation has exited, with the reason', async () => {
    const app = await start()
    await app.waitFor('listening')
    const never = app.waitFor('never', { timeout: 60_000 })
    await restart(app)
    app.signal('SIGUSR2')
    await app.waitForStderr(/on purpose/)
    await expect(never).rejects.toThrow(/never: all its processes are gone[^]*crashed on purpose/)
    await expect(app.waitFor('never')).rejects.toThrow('are gone')
    // The kernel closes the descriptors of a process that ends before it counts as gone.
    for (const pid of app.pids()) await app.exitOf(pid)
    expect(() => app.signal('SIGTERM')).toThrow('no process')
  })

  test('stop kills orphans that printed nothing, and no other process', async () => {
    const app = await start()
    await app.waitFor('listening')
    app.signal('SIGHUP')
    await app.exited
    // The successor is an orphan now; whether it has printed its pid yet is a matter of luck.
    await app.stop()
    expect(app.pids().some((pid) => app.isAlive(pid))).toBe(false)
    await expect(app.waitFor('never')).rejects.toThrow('are gone')
    expect(lookUp(process.pid)).toBeDefined()
    await app.stop()
  })

  test("the environment has the given variables and none of jest's", async () => {
    const print = 'console.log(JSON.stringify({ event: "env", ...process.env }))'
    const app = await startApp({ file: '-e', args: [print], env: { GIVEN: '1', HOME: undefined } })
    undo.add(() => app.stop())
    const event = await app.waitFor('env')
    expect(event).toMatchObject({ GIVEN: '1' })
    for (const name of ['NODE_ENV', 'JEST_WORKER_ID', 'NODE_OPTIONS', 'HOME'])
      expect(event).not.toHaveProperty(name)
  })
})
