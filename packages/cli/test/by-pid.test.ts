import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConnectionRefused, freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { type AppProcess, startApp } from '../../conformance/src/app-process.ts'
import { canReplaceProgram } from '../../conformance/test/support/keep-pid-host.ts'
import { command } from './support/command.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// What a process does with a signal is read in /proc.
const describeLinux = process.platform === 'linux' ? describe : describe.skip
const describeKept = canReplaceProgram ? describe : describe.skip

interface Served {
  readonly app: AppProcess
  readonly pid: string
  readonly folder: string
  readonly deploy: (version: string) => void
  readonly get: () => Promise<{ version: string; pid: number; generation: number }>
}

/** A server that was started without a keeper. */
async function serve(options: object = {}): Promise<Served> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-by-pid-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const deploy = (version: string): void => writeFileSync(path.join(folder, 'version.txt'), version)
  deploy('1')
  const port = await freePort()
  const app = await startApp({
    file: path.join(__dirname, 'fixtures/server.mjs'),
    args: [],
    env: {
      PORT: String(port),
      VERSION_FILE: path.join(folder, 'version.txt'),
      OPTIONS: JSON.stringify(options),
      // Not that of the one who asks: the command looks at the server's.
      XDG_RUNTIME_DIR: folder,
    },
  })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  const get: Served['get'] = async () => {
    const client = await RawClient.connect({ port })
    const { body } = await client.request({ path: '/', headers: { connection: 'close' } })
    client.destroy()
    return JSON.parse(body.toString()) as never
  }
  return { app, pid: String(app.pid), folder: path.join(folder, 'zerodrop'), deploy, get }
}

const done = { status: 0, stdout: expect.stringMatching(/^generation 2 \(pid \d+\) serves: /), stderr: '' }

describeLinux('a server without a keeper, by its pid', () => {
  test('restart waits for the outcome, and stop for the end', async () => {
    const { app, pid, folder, deploy, get } = await serve()
    deploy('2')
    expect(await command('restart', pid)).toEqual(done)
    expect(await app.exited).toEqual({ code: 0, signal: null })
    const next = await get()
    expect(next).toMatchObject({ version: '2', generation: 2 })
    expect(readdirSync(folder)).toEqual([])
    expect(await command('stop', String(next.pid))).toEqual({ status: 0, stdout: 'stopped\n', stderr: '' })
    await expect(get()).rejects.toThrow(ConnectionRefused)
  })

  test("a failed restart prints the reason and the new version's output, and the old one keeps serving", async () => {
    const { pid, folder, deploy, get } = await serve()
    deploy('broken')
    const { status, stderr } = await command('restart', pid)
    expect(status).toBe(1)
    expect(stderr).toContain('ERR_ZERODROP_SUCCESSOR_EXITED')
    expect(stderr).toContain('this version is broken')
    expect(await get()).toMatchObject({ version: '1', pid: Number(pid) })
    expect(readdirSync(folder)).toEqual([])
  })

  test('restart does not end a process that does not handle SIGHUP', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log()'])
    undo.add(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    expect(await command('restart', String(child.pid))).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^zerodrop: Process \d+ does not handle SIGHUP, which would end it at once/,
      ),
    })
    expect([child.exitCode, child.signalCode]).toEqual([null, null])
    child.kill('SIGKILL')
    await once(child, 'exit')
    for (const verb of ['restart', 'stop'])
      expect(await command(verb, String(child.pid))).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^zerodrop: There is no process \d+/),
      })
  })

  // Node handles SIGTERM in every program.
  test('stop does not end a program that does not handle SIGTERM', async () => {
    const child = spawn('sleep', ['1000'])
    undo.add(() => void child.kill('SIGKILL'))
    await once(child, 'spawn')
    expect(await command('stop', String(child.pid))).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^zerodrop: Process \d+ does not handle SIGTERM, which would end it at once/,
      ),
    })
    expect([child.exitCode, child.signalCode]).toEqual([null, null])
  })
})

describeKept('a server that becomes a keeper, by its pid', () => {
  test('is asked in the same words before and after', async () => {
    const { app, pid, folder, deploy, get } = await serve({ keepPid: true })
    deploy('2')
    expect(await command('restart', pid)).toEqual(done)
    expect(statSync(path.join(folder, `${pid}.sock`)).mode & 0o777).toBe(0o600)
    deploy('broken')
    const failed = await command('restart', pid)
    expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining('this version is broken') })
    deploy('3')
    expect(await command('restart', pid)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^generation 3 \(pid \d+\) serves: /),
    })
    expect(await get()).toMatchObject({ version: '3', generation: 3 })
    const { stdout } = await command('status', pid, '--json')
    expect(JSON.parse(stdout)).toMatchObject({ state: 'serving', generation: 3 })
    expect(await command('stop', pid)).toEqual({ status: 0, stdout: 'stopped\n', stderr: '' })
    expect(await app.exited).toEqual({ code: 0, signal: null })
    expect(readdirSync(folder)).toEqual([])
  })
})
