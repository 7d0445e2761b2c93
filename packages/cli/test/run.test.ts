import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { freePort, leftovers, RawClient, startDelayProxy, startTraffic } from '@zerodrop/traffic'
import { startApp } from '../../conformance/src/app-process.ts'
import type { AppOptions, AppProcess } from '../../conformance/src/app-process.ts'
import { bin, command } from './support/command.ts'

const server = path.join(__dirname, 'fixtures/server.mjs')

const undo = leftovers()
afterEach(() => undo.disposeAll())

// The keeper hands on descriptors, which Windows cannot.
const describeUnix = process.platform === 'win32' ? describe.skip : describe

// Where this process may lower the score of a child, a keeper may too: with CAP_SYS_RESOURCE.
const mayLower = spawnSync('/bin/sh', ['-c', 'echo -999 >/proc/self/oom_score_adj'], { stdio: 'ignore' })
const describeSpared = mayLower.status === 0 ? describe : describe.skip

// Everybody must be able to read the package, too.
const canBeNobody = spawnSync(
  'setpriv',
  ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, bin, '--version'],
  { stdio: 'ignore', env: {} },
)
const describeTwoUsers = canBeNobody.status === 0 ? describe : describe.skip

interface Kept {
  readonly app: AppProcess
  readonly port: number
  readonly control: string
  /** What the server is deployed from. */
  readonly deploy: (version: string) => void
}

function keep(...flags: string[]): Promise<Kept> {
  return keepProgram('server.mjs', { flags })
}

async function keepProgram(
  program: string,
  {
    flags = [],
    env = {},
    version = '1',
    start = {},
  }: {
    flags?: readonly string[]
    env?: Record<string, string>
    version?: string
    start?: Partial<AppOptions>
  } = {},
): Promise<Kept> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-cli-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const control = path.join(folder, 'control.sock')
  const deploy = (version: string): void => writeFileSync(path.join(folder, 'version.txt'), version)
  deploy(version)
  const app = await startApp({
    ...start,
    file: bin,
    args: ['run', '--control', control, ...flags, path.join(__dirname, 'fixtures', program), 'an argument'],
    env: { PORT: String(port), VERSION_FILE: path.join(folder, 'version.txt'), ...env },
  })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  return { app, port, control, deploy }
}

async function get(port: number, url = '/'): Promise<string> {
  const client = await RawClient.connect({ port })
  const { body } = await client.request({ path: url, headers: { connection: 'close' } })
  client.destroy()
  return body.toString()
}

describeUnix('zerodrop run', () => {
  test('passes on arguments and stdio, and ends as the server does', async () => {
    const { app, port } = await keep()
    expect(JSON.parse(await get(port, '/self'))).toMatchObject({
      argv: ['an argument'],
      ppid: app.pid,
      keeper: null,
      send: 'undefined',
    })
    await get(port, '/exit?code=7').catch(() => {})
    expect(await app.exited).toEqual({ code: 7, signal: null })
  })

  test('keeps its pid, every connection and every request through restarts under load', async () => {
    const { app, port, deploy } = await keep()
    const proxy = await startDelayProxy({ targetPort: port, roundTrip: 30 })
    undo.add(() => proxy.close())
    const traffic = startTraffic({ port: proxy.port, directPort: port, keepAliveClients: 20 })
    undo.add(() => traffic.stop())
    await traffic.after(100)
    for (const version of ['2', '3', '4']) {
      deploy(version)
      const from = app.lines.length
      app.signal('SIGHUP')
      await app.waitFor('listening', { from })
      await app.waitFor('exit', { from })
      await traffic.after(100)
    }
    const { lost, refused, connections, versions, losses } = await traffic.stop()
    expect({ lost, refused, losses, versions }).toEqual({
      lost: 0,
      refused: 0,
      losses: [],
      versions: ['1', '2', '3', '4'],
    })
    expect(connections.kept).toBe(connections.clients)
    app.signal('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })

  test('restarts and drains an application without a line of zerodrop', async () => {
    const { app, port, control, deploy } = await keepProgram('bare.cjs')
    const clients = [await RawClient.connect({ port }), await RawClient.connect({ port })] as const
    undo.add(() => clients.forEach((client) => client.destroy()))
    await clients[1].request({ path: '/' })
    const slow = clients[0].request({ path: '/slow?ms=500' })
    for (const version of ['2', '3']) {
      deploy(version)
      expect(await command('restart', '--control', control)).toMatchObject({ status: 0 })
    }
    expect(JSON.parse((await slow).body.toString())).toMatchObject({ version: '1' })
    const answer = JSON.parse((await clients[1].request({ path: '/' })).body.toString())
    expect(answer).toEqual({ version: '3', pid: expect.any(Number), execArgv: [], argv: ['an argument'] })
    app.signal('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })

  test('leaves the options of an application to the application', async () => {
    const options = JSON.stringify({ drainTimeout: 50 })
    const env = { OPTIONS: options, ZERODROP_DRAIN_TIMEOUT: '60000' }
    const { app, port } = await keepProgram('server.mjs', { env })
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    const cut = client.request({ path: '/slow?ms=60000' })
    await get(port)
    app.signal('SIGTERM')
    await expect(cut).rejects.toThrow(/./)
    expect(await app.exited).toEqual({ code: 1, signal: null })
  })

  test('with --no-register leaves an application without zerodrop alone', async () => {
    const { app } = await keepProgram('bare.cjs', { flags: ['--no-register'] })
    app.signal('SIGTERM')
    expect(await app.exited).toEqual({ code: null, signal: 'SIGTERM' })
  })

  test('restart waits for the outcome, and prints it', async () => {
    const { port, control, deploy } = await keep()
    deploy('2')
    expect(await command('restart', '--control', control)).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^generation 2 \(pid \d+\) serves: /),
      stderr: '',
    })
    expect(JSON.parse(await get(port))).toMatchObject({ version: '2' })
  })

  test("a failed restart prints the reason and the new version's output, and the old one keeps serving", async () => {
    const { port, control, deploy } = await keep()
    deploy('broken')
    const { status, stderr } = await command('restart', '--control', control)
    expect(status).toBe(1)
    expect(stderr).toContain('ERR_ZERODROP_SUCCESSOR_EXITED')
    expect(stderr).toContain('this version is broken')
    expect(JSON.parse(await get(port))).toMatchObject({ version: '1' })
  })

  test.each<[string, (kept: Kept) => unknown]>([
    ['SIGHUP', ({ app }) => process.kill(app.pid, 'SIGHUP')],
    ['"zerodrop restart"', ({ control }) => command('restart', '--control', control)],
  ])('a first version that never gets ready is replaced by %s', async (_how, restart) => {
    const kept = await keepProgram('server.mjs', { version: 'unready' })
    kept.deploy('2')
    await restart(kept)
    await kept.app.waitFor('exit')
    expect(JSON.parse(await get(kept.port))).toMatchObject({ version: '2', generation: 2 })
  })

  test('status and stop', async () => {
    const { app, control } = await keep()
    const { stdout } = await command('status', '--control', control, '--json')
    expect(JSON.parse(stdout)).toMatchObject({ state: 'serving', generation: 1 })
    expect(await command('stop', '--control', control)).toMatchObject({ status: 0, stdout: 'stopped\n' })
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })

  test('is found by its pid, although it has a control socket of its own', async () => {
    const { app, control, deploy } = await keep('--node-option', '--stack-trace-limit=5')
    deploy('2')
    const pid = String(app.pid)
    expect(await command('restart', pid)).toMatchObject({ status: 0, stderr: '' })
    const { stdout } = await command('status', pid, '--json', '--timeout', '9999999999')
    expect(JSON.parse(stdout)).toMatchObject({ generation: 2 })
    expect(JSON.parse((await command('status', '--control', control, '--json')).stdout)).toMatchObject({
      generation: 2,
    })
    expect(await command('stop', pid)).toMatchObject({ status: 0, stdout: 'stopped\n' })
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })

  test('starts without a control socket where none can be made, unless it was named', async () => {
    const port = await freePort()
    const folder = '/dev/null/nowhere'
    const app = await startApp({
      file: bin,
      args: ['run', server],
      env: { PORT: String(port), VERSION_FILE: __filename, XDG_RUNTIME_DIR: folder },
    })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    expect(app.stderr).toMatch(/cannot ask this keeper: The folder of the control socket cannot be made/)
    const from = app.lines.length
    app.signal('SIGHUP')
    await app.waitFor('exit', { from })
    app.signal('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
    const named = await command('run', '--control', `${folder}/control.sock`, server)
    expect([named.status, named.stderr]).toEqual([1, expect.stringContaining('cannot be made')])
  })

  test('a keeper whose control socket is gone is not signalled', async () => {
    const { app, port, control } = await keep()
    rmSync(control)
    const { status, stderr } = await command('restart', String(app.pid))
    expect([status, stderr]).toEqual([1, expect.stringContaining(`No keeper listens on ${control}`)])
    expect(JSON.parse(await get(port))).toMatchObject({ generation: 1 })
  })

  test('with --respawn a stop that cuts requests ends it', async () => {
    const env = { OPTIONS: JSON.stringify({ drainTimeout: 50 }) }
    const { app, port, control } = await keepProgram('server.mjs', { flags: ['--respawn'], env })
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    const cut = client.request({ path: '/slow?ms=60000' })
    await get(port)
    const stopped = command('stop', '--control', control)
    await expect(cut).rejects.toThrow(/./)
    expect(await stopped).toEqual({ status: 0, stdout: 'stopped\n', stderr: '' })
    expect(await app.exited).toEqual({ code: 1, signal: null })
  })

  test('status --watch repeats it until the server has ended', async () => {
    const { app, control } = await keep()
    const watching = spawn(process.execPath, [bin, 'status', '--watch', '--json', '--control', control])
    undo.add(() => void watching.kill())
    const ended = once(watching, 'exit')
    const lines = createInterface({ input: watching.stdout })
    for (let repeated = 0; repeated < 2; repeated++) {
      const [line] = (await once(lines, 'line')) as [string]
      expect(JSON.parse(line)).toMatchObject({ state: 'serving', generation: 1 })
    }
    app.signal('SIGTERM')
    await app.exited
    expect(await ended).toEqual([0, null])
  })

  test.each([
    ['that never listens', [], 'setInterval(() => {}, 1000)'],
    ['without zerodrop', ['--no-register'], "require('node:http').createServer().listen(0, '127.0.0.1')"],
  ])('a program %s: restart prints what to do, and stop stops it', async (_what, flags, text) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-cli-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const control = path.join(folder, 'control.sock')
    const file = path.join(folder, 'program.cjs')
    writeFileSync(file, `${text}\nconsole.log('{"event":"started"}')\n`)
    const app = await startApp({ file: bin, args: ['run', '--control', control, ...flags, file] })
    undo.add(() => app.stop())
    await app.waitFor('started')
    for (const verb of ['restart', 'status'])
      expect(await command(verb, '--control', control)).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/does not serve.*--no-register.*\(ERR_ZERODROP_NOT_SERVING\)/),
      })
    expect(await command('stop', '--control', control)).toMatchObject({ status: 0, stdout: 'stopped\n' })
    expect(await app.exited).toEqual({ code: null, signal: 'SIGTERM' })
  })

  test('a plain kill ends the wait of "zerodrop stop"', async () => {
    const { app, port, control } = await keep()
    const client = await RawClient.connect({ port })
    // As long as the command may take to start on a busy machine.
    const slow = client.request({ path: '/slow?ms=5000', headers: { connection: 'close' } })
    await get(port)
    const stopping = command('stop', '--control', control)
    process.kill(app.pid, 'SIGTERM')
    expect(await stopping).toMatchObject({ status: 0, stdout: 'stopped\n' })
    expect((await slow).status).toBe(200)
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })

  test('NODE_OPTIONS reach the server, and --inspect does not stop at the keeper', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-cli-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const inspected = await freePort()
    const file = path.join(folder, 'program.cjs')
    writeFileSync(
      file,
      `console.log(JSON.stringify({ event: 'started', inspector: require('node:inspector').url(), limit: Error.stackTraceLimit }))\nsetInterval(() => {}, 1000)\n`,
    )
    const app = await startApp({
      file: bin,
      args: ['run', '--control', path.join(folder, 'control.sock'), file],
      env: { NODE_OPTIONS: `--inspect=127.0.0.1:${inspected} --stack-trace-limit=7` },
    })
    undo.add(() => app.stop())
    const { inspector, limit } = await app.waitFor('started')
    expect([limit, inspector]).toEqual([7, expect.stringContaining(`ws://127.0.0.1:${inspected}/`)])
  })

  test('with --respawn a crash refuses no connection: the next generation answers', async () => {
    const { app, port } = await keep('--respawn')
    const from = app.lines.length
    await get(port, '/exit?code=1').catch(() => {})
    // Connected while nobody serves: it waits in the queue of the socket that the keeper holds.
    const answer = JSON.parse(await get(port)) as { pid: number; generation: number }
    expect(answer).toMatchObject({ version: '1', generation: 2 })
    expect((await app.waitFor('listening', { from })).pid).toBe(answer.pid)
  })

  test('with --respawn a crash is followed by the next start although nobody reads the output any more', async () => {
    const command = '{ "$0" "$@" 2>&1 >&3 | true; } 3>&1'
    const { port } = await keepProgram('server.mjs', {
      flags: ['--respawn'],
      start: { execPath: '/bin/sh', execArgv: ['-c', command, process.execPath] },
    })
    await get(port, '/exit?code=1').catch(() => {})
    expect(JSON.parse(await get(port))).toMatchObject({ version: '1', generation: 2 })
  })

  test('with --respawn a restart does not wait until a crashed server starts again, and says how it went', async () => {
    const { app, port, control, deploy } = await keep('--respawn')
    deploy('broken')
    await get(port, '/exit?code=7').catch(() => {})
    await app.waitForStderr(/it starts again in 1500 ms/)
    const status = await command('status', '--control', control)
    expect(JSON.parse(status.stdout)).toMatchObject({ ready: false, exit: { code: 1, signal: null } })
    const failed = await command('restart', '--control', control)
    expect(failed).toMatchObject({ status: 1, stdout: '' })
    expect(failed.stderr).toMatch(/^zerodrop: The application exited with code 1; it starts again in \d+ ms/)
    expect(failed.stderr).toContain('this version is broken')
    deploy('2')
    const { stdout } = await command('restart', '--control', control)
    expect(stdout).toMatch(/^generation \d+ \(pid \d+\) serves: /)
    expect(JSON.parse(await get(port))).toMatchObject({ version: '2' })
    expect(await command('stop', '--control', control)).toMatchObject({ status: 0 })
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })

  test('with --respawn a stop ends a keeper whose server has crashed', async () => {
    const { app, port, control, deploy } = await keep('--respawn')
    deploy('broken')
    await get(port, '/exit?code=7').catch(() => {})
    await app.waitForStderr(/it starts again in 1500 ms/)
    expect(await command('stop', '--control', control)).toMatchObject({ status: 0, stdout: 'stopped\n' })
    // With the status of the crash, or by SIGTERM if the next start was under way.
    expect(await app.exited).not.toEqual({ code: 0, signal: null })
  })

  test('a server whose keeper is killed drains and ends', async () => {
    const { app, port } = await keep()
    const { pid } = JSON.parse(await get(port)) as { pid: number }
    process.kill(app.pid, 'SIGKILL')
    expect(await app.waitFor('exit')).toMatchObject({ pid })
    await app.exitOf(pid)
  })

  test('--on-keeper-death serve: a server whose keeper is killed serves on, restarts and stops under its own pid', async () => {
    const { app, port, control, deploy } = await keep('--on-keeper-death', 'serve')
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    const first = JSON.parse((await client.request({ path: '/' })).body.toString()) as { pid: number }
    process.kill(app.pid, 'SIGKILL')
    await app.waitForStderr(/the keeper \(pid \d+\) has died: this process serves on without it/)
    expect((await command('status', '--control', control)).status).toBe(1)
    deploy('2')
    process.kill(first.pid, 'SIGHUP')
    await app.waitFor('exit')
    const second = JSON.parse((await client.request({ path: '/' })).body.toString()) as { pid: number }
    expect(second).toMatchObject({ version: '2', generation: 2 })
    deploy('3')
    const from = app.lines.length
    expect(await command('restart', String(second.pid))).toMatchObject({ status: 0, stderr: '' })
    await app.waitFor('exit', { from })
    const third = JSON.parse(await get(port)) as { pid: number }
    expect(third).toMatchObject({ version: '3', generation: 3 })
    expect(app.stderr.match(/has died/g)).toHaveLength(1)
    expect(app.stderr).not.toMatch(/ERR_/)
    client.destroy()
    expect(await command('stop', String(third.pid))).toMatchObject({ status: 0, stdout: 'stopped\n' })
    await expect(RawClient.connect({ port })).rejects.toThrow(/./)
  })

  test('--on-keeper-death serve: an application without zerodrop restarts without its keeper, too', async () => {
    const { app, port, deploy } = await keepProgram('bare.cjs', { flags: ['--on-keeper-death', 'serve'] })
    const pids = [(JSON.parse(await get(port)) as { pid: number }).pid]
    process.kill(app.pid, 'SIGKILL')
    await app.waitForStderr(/has died: this process serves on/)
    for (const version of ['2', '3']) {
      deploy(version)
      process.kill(pids.at(-1)!, 'SIGHUP')
      await app.exitOf(pids.at(-1)!)
      const { pid, ...answer } = JSON.parse(await get(port)) as { pid: number }
      expect(answer).toMatchObject({ version, execArgv: [] })
      pids.push(pid)
    }
    process.kill(pids.at(-1)!, 'SIGTERM')
    await app.exitOf(pids.at(-1)!)
  })

  test('--on-keeper-death serve: a keeper killed in a handover leaves the successor, and it alone', async () => {
    const options = JSON.stringify({ drainTimeout: 20_000, lingerTimeout: 0 })
    const { app, port, deploy } = await keepProgram('server.mjs', {
      flags: ['--on-keeper-death', 'serve'],
      env: { OPTIONS: options },
    })
    const { pid } = JSON.parse(await get(port)) as { pid: number }
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    client.write('POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n')
    await get(port)
    deploy('2')
    const from = app.lines.length
    app.signal('SIGHUP')
    const { pid: second } = await app.waitFor('listening', { from })
    // The successor serves: the old process only has the slow request left.
    while (!(await get(port)).includes('"version":"2"'));
    process.kill(app.pid, 'SIGKILL')
    await app.waitForStderr(/has died: this process serves on/)
    client.write('bytes')
    expect(JSON.parse((await client.nextResponse()).body.toString())).toEqual({ bytes: 5 })
    await app.exitOf(pid)
    expect(JSON.parse(await get(port))).toMatchObject({ version: '2', pid: second })
    expect(app.stderr.match(/has died/g)).toHaveLength(1)
    process.kill(second!, 'SIGTERM')
    await app.exitOf(second!)
  })

  test('--on-keeper-death serve: a keeper killed while the successor starts leaves one generation', async () => {
    const { app, port, deploy } = await keep('--on-keeper-death', 'serve')
    const { pid } = JSON.parse(await get(port)) as { pid: number }
    deploy('unready')
    const from = app.lines.length
    app.signal('SIGHUP')
    const { pid: second } = await app.waitFor('listening', { from })
    process.kill(app.pid, 'SIGKILL')
    await app.waitForStderr(/has died: this process serves on/)
    expect(JSON.parse(await get(port))).toMatchObject({ version: '1', pid })
    // Nobody is left to say how it has ended, but the old generation notices.
    process.kill(second!, 'SIGKILL')
    await app.waitForStderr(/ERR_ZERODROP_SUCCESSOR_EXITED/)
    deploy('3')
    process.kill(pid, 'SIGHUP')
    await app.exitOf(pid)
    const third = JSON.parse(await get(port)) as { pid: number }
    expect(third).toMatchObject({ version: '3', generation: 2 })
    process.kill(third.pid, 'SIGTERM')
    await app.exitOf(third.pid)
  })

  test('a second keeper for the same control socket is refused, and the first goes on', async () => {
    const { port, control } = await keep()
    expect(await command('run', '--control', control, server)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Another keeper uses the control socket'),
    })
    expect(JSON.parse(await get(port))).toMatchObject({ version: '1' })
  })

  test('the control socket of a keeper that was killed is used again', async () => {
    const { app, control } = await keep()
    process.kill(app.pid, 'SIGKILL')
    await app.waitFor('exit')
    const port = await freePort()
    const next = await startApp({
      file: bin,
      args: ['run', '--control', control, server],
      env: { PORT: String(port), VERSION_FILE: __filename },
    })
    undo.add(() => next.stop())
    await next.waitFor('listening')
    expect((await command('status', '--control', control)).status).toBe(0)
  })
})

describeTwoUsers('another user (needs root and setpriv)', () => {
  test('asks nothing, signals nothing and replaces nothing, and the operator reads why', async () => {
    const { app, port, control } = await keep()
    // May be entered, so that the socket alone has to keep others out.
    chmodSync(path.dirname(control), 0o755)
    const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, bin]
    const command = ([program, ...args]: readonly string[]): [number | null, string] => {
      const { status, stderr } = spawnSync(program!, args, {
        encoding: 'utf8',
        env: { HOME: '/nonexistent' },
      })
      return [status, stderr]
    }
    for (const verb of ['restart', 'stop', 'status'])
      expect(command([...asNobody, verb, '--control', control])).toEqual([
        1,
        expect.stringMatching(/^zerodrop: The control socket \S+ belongs to another user.*\(EACCES\)\n$/),
      ])
    for (const verb of ['restart', 'stop'])
      expect(command([...asNobody, verb, String(app.pid)])).toEqual([
        1,
        expect.stringMatching(/^zerodrop: Process \d+ belongs to another user.*\(EPERM\)\n$/),
      ])
    expect(command([...asNobody, 'run', '--control', control, server])).toEqual([
      1,
      expect.stringContaining('Another keeper uses the control socket'),
    ])
    expect(JSON.parse(await get(port))).toMatchObject({ version: '1', generation: 1 })
  })
})

describeSpared('where memory runs out (needs CAP_SYS_RESOURCE)', () => {
  test('the keeper goes after its server', async () => {
    const { app, port, control, deploy } = await keep()
    const scoreOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'))
    const usual = scoreOf(process.pid)
    expect(scoreOf(app.pid)).toBeLessThan(usual)
    deploy('2')
    const { pid: first } = JSON.parse(await get(port)) as { pid: number }
    expect(scoreOf(first)).toBe(usual)
    await command('restart', '--control', control)
    const { pid: second } = JSON.parse(await get(port)) as { pid: number }
    expect([second === first, scoreOf(second)]).toEqual([false, usual])
  })
})

test.each([
  [['run', 'nowhere.js'], 'There is no '],
  [['run'], "missing required argument 'script'"],
  [['run', '--bogus', 'x.js'], "unknown option '--bogus'"],
  [['run', __dirname], 'is a folder without an index.js'],
  [['run', '--control=', bin], 'The path of the control socket is empty'],
  [['run', '--max-crashes', '0', bin], '--max-crashes takes a whole number from 1 on'],
  [['run', '--max-crashes', 'many', bin], 'whole number'],
  [['restart', 'abc'], 'A pid is a whole number, not "abc"'],
  [['restart', '1', '--timeout', '-1'], 'whole number'],
  [['status', '--control', ''], 'The path of the control socket is empty'],
  [['stop', '--control', `/tmp/${'long'.repeat(30)}`], 'The path of the control socket is too long'],
  [['bogus'], "unknown command 'bogus'"],
])('%j is refused', async (args, message) => {
  const { status, stdout, stderr } = await command(...args)
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toContain(message)
})

test('a failure is printed as JSON with --json', async () => {
  const { status, stdout } = await command('status', String(process.pid), '--json')
  expect([status, JSON.parse(stdout)]).toEqual([
    1,
    { error: { code: 'ENOENT', message: expect.stringContaining('No keeper listens on') } },
  ])
})

test.each([
  ['an unknown option', ['restart', '--json', '--bogus'], 'commander.unknownOption'],
  ['a wrong value', ['stop', '--timeout', 'soon', '--json'], 'commander.invalidArgument'],
  ['an argument too many', ['status', '--json', '1', '2'], 'commander.excessArguments'],
])('%s is refused in JSON with --json', async (_what, args, code) => {
  const { status, stdout } = await command(...args)
  expect([status, JSON.parse(stdout)]).toEqual([2, { error: { code, message: expect.any(String) } }])
})

describeUnix('what listens on the path and is no keeper', () => {
  test.each([
    ['HTTP/1.1 400 Bad Request\r\n\r\n', 'is not a keeper'],
    ['null\n', 'is not a keeper'],
    ['7\n', 'is not a keeper'],
    ['', 'The keeper ended without an answer'],
  ])('answers %j', async (said, message) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-cli-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const file = path.join(folder, 'other.sock')
    const other = createServer((socket) => socket.on('error', () => {}).end(said)).listen(file)
    undo.add(() => void other.close())
    await once(other, 'listening')
    const { status, stdout } = await command('status', '--json', '--control', file)
    expect([status, JSON.parse(stdout)]).toEqual([
      1,
      { error: { message: expect.stringContaining(message) } },
    ])
  })

  test('a port is none: a path that is a number is a file', async () => {
    const { port, control } = await keep()
    const { status, stderr } = await command('status', '--control', String(port))
    expect([status, stderr]).toEqual([1, expect.stringContaining(`No keeper listens on ./${port}.`)])
    expect((await command('status', '--control', control)).status).toBe(0)
  })
})
