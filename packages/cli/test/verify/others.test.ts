/** zerodrop verify on servers that nobody wrote for it. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, haproxyConfiguration, nginxCommand } from '@zerodrop/traffic'
import { processEntry } from '../../src/verify/server/proc.ts'
import { undo, verdicts, verify } from './support/verify.ts'

afterEach(() => undo.disposeAll())

const repository = path.join(__dirname, '../../../..')
const pm2 = path.join(repository, 'benchmarks/tools/node_modules/pm2/bin/pm2')
const only = ['--only', 'keep-alive-race', '--only', 'early-signal', '--json']

/** `describe`, or a skip of which the title says what is missing. */
function describeIf(name: string, isThere: boolean): [jest.Describe, string] {
  const isLinux = process.platform === 'linux'
  if (isThere && isLinux) return [describe, name]
  return [
    describe.skip as jest.Describe,
    `${name} (skipped: ${isLinux ? 'it is not installed' : 'not on Linux'})`,
  ]
}

const has = (program: string): boolean => spawnSync(program, ['-v']).error === undefined

function temporary(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-others-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const [describeNginx, nginx] = describeIf('nginx', has('nginx'))
describeNginx(nginx, () => {
  /** Writes its configuration into a folder of its own; returns the command and the file with the pid. */
  async function prepare({ daemon }: { daemon: boolean }): Promise<{ command: string[]; pidFile: string }> {
    const folder = temporary()
    const command = nginxCommand(folder, {
      port: await freePort(),
      daemon,
      server: ['location / { return 200 hello; }'],
    })
    return {
      command: ['--', ...command],
      pidFile: path.join(folder, 'nginx.pid'),
    }
  }

  test('loses the keep-alive race at SIGQUIT, its graceful stop', async () => {
    const { command } = await prepare({ daemon: false })
    const ended = await verify(['--stop', 'SIGQUIT', ...only, ...command])
    expect(verdicts(ended)).toEqual({ 'keep-alive-race': 'fail', 'early-signal': 'pass' })
  })

  test('is judged and ended as a daemon, too', async () => {
    const { command, pidFile } = await prepare({ daemon: true })
    const stopped = await verify(['--only', 'silent', '--json', ...command])
    expect(verdicts(stopped)).toEqual({ silent: 'pass' })
    const mistaken = await verify(['--url', 'http://127.0.0.1:9', '--start-limit', '1500', ...command])
    expect(mistaken.status).toBe(2)
    expect(running(pidFile)).toBe(false)
  })
})

/** Whether the process lives whose pid a daemon has written into the file. One that ended in good order has removed it. */
function running(pidFile: string): boolean {
  return existsSync(pidFile) && processEntry(Number(readFileSync(pidFile, 'utf8'))) !== undefined
}

const [describeHaproxy, haproxy] = describeIf('HAProxy', has('haproxy'))
describeHaproxy(haproxy, () => {
  test('loses the keep-alive race at SIGUSR1, its soft stop', async () => {
    const file = haproxyConfiguration(temporary(), {
      port: await freePort(),
      // Of several threads, one takes the signal while the others go on: the verdict would be a matter of chance.
      global: ['nbthread 1'],
      timeout: '5s',
      frontend: ['http-request return status 200 content-type text/plain string hello'],
    })
    const ended = await verify(['--stop', 'SIGUSR1', ...only, '--', 'haproxy', '-db', '-f', file])
    expect(verdicts(ended)).toEqual({ 'keep-alive-race': 'fail', 'early-signal': 'pass' })
  })
})

const [describePeers, peers] = describeIf('the libraries of the benchmarks', true)
describePeers(peers, () => {
  test('http-terminator answers what is in flight, and loses the keep-alive race', async () => {
    const server = path.join(repository, 'benchmarks/scoreboard/express-http-terminator.mjs')
    const ended = await verify(
      [
        '--slow',
        '/slow',
        '--only',
        'keep-alive-race',
        '--only',
        'in-flight',
        '--json',
        '--',
        process.execPath,
        server,
      ],
      { PORT: String(await freePort()) },
    )
    expect(verdicts(ended)).toEqual({ 'keep-alive-race': 'fail', 'in-flight': 'pass' })
  })
})

const [describePm2, pm2Title] = describeIf('pm2', existsSync(pm2))
describePm2(pm2Title, () => {
  test('loses the keep-alive race when its reload deploys', async () => {
    const folder = temporary()
    const env = {
      PM2_HOME: path.join(folder, 'home'),
      PORT: String(await freePort()),
      PATH: process.env['PATH'],
    }
    const run = (...args: string[]): void => {
      const { status, stderr } = spawnSync(process.execPath, [pm2, ...args], { env, encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
    }
    undo.add(() => run('kill'))
    const script = path.join(repository, 'benchmarks/restart/pm2.mjs')
    run('start', script, '--name', 'app', '-i', '2', '--wait-ready', '--kill-timeout', '3000')
    const daemon = spawnSync('cat', [path.join(env.PM2_HOME, 'pm2.pid')], { encoding: 'utf8' }).stdout.trim()
    const ended = await verify(
      [
        '--pid',
        daemon,
        '--url',
        `http://127.0.0.1:${env.PORT}`,
        '--limit',
        '30000',
        '--restart-command',
        `"${process.execPath}" "${pm2}" reload app`,
        '--only',
        'keep-alive-race',
        '--json',
      ],
      env,
    )
    expect(verdicts(ended)).toEqual({ 'keep-alive-race': 'fail' })
  })
})
