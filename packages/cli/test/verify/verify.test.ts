import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { leftovers } from '@zerodrop/traffic'
import type { Report } from '../../src/verify/report.ts'

const bin = path.join(__dirname, '../../dist/main.js')
const fixture = (name: string): string => path.join(__dirname, 'fixtures', name)

const undo = leftovers()
afterEach(() => undo.disposeAll())

// It reads /proc.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

const routes = [
  '--slow',
  '/slow',
  '--large',
  '/large',
  '--upload',
  '/upload',
  '--sse',
  '/events',
  '--ws',
  '/socket',
]

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

async function verify(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [bin, 'verify', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  undo.add(() => child.kill('SIGTERM'))
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...said }
}

/** The verdict on each situation. */
function verdicts({ stdout }: Ended): Record<string, string> {
  const { situations } = JSON.parse(stdout) as Report
  return Object.fromEntries(situations.map(({ name, verdict }) => [name, verdict]))
}

const stops = [
  'keep-alive-race',
  'arrived',
  'in-flight',
  'response-in-progress',
  'slow-reader',
  'pipelining',
  'half-head',
  'upload',
  '100-continue',
  'accept-queue',
  'flood',
  'http2-streams',
  'websocket',
  'event-stream',
  'silent',
  'stalled-head',
  'endless',
  'second-signal',
  'early-signal',
]

describeLinux('zerodrop verify', () => {
  test('passes a server that uses zerodrop, in every situation', async () => {
    const ended = await verify([...routes, '--json', '--', process.execPath, fixture('right.mjs')])
    expect({ ...verdicts(ended), stderr: ended.stderr }).toEqual({
      ...Object.fromEntries(stops.map((name) => [name, name === 'http2-streams' ? 'skip' : 'pass'])),
      stderr: expect.any(String),
    })
    expect(ended.status).toBe(0)
  })

  test('catches a server that cuts everything and stays, in every situation', async () => {
    const ended = await verify([
      ...routes,
      '--limit',
      '1000',
      '--json',
      '--',
      process.execPath,
      fixture('wrong.mjs'),
    ])
    expect(verdicts(ended)).toEqual(
      Object.fromEntries(stops.map((name) => [name, name === 'http2-streams' ? 'skip' : 'fail'])),
    )
    expect(ended.status).toBe(1)
    expect(ended.stderr).toContain('usual cause')
  })

  test('says what its command line lacks, and starts nothing', async () => {
    const cases: [args: string[], message: RegExp][] = [
      [[], /Give the command that starts it, behind two dashes/],
      [['--nonsense', '--', 'node', 'server.js'], /unknown option '--nonsense'/],
      [
        ['--only', 'nonsense', '--', 'node', 'server.js'],
        /There is no situation "nonsense"\. --list names them/,
      ],
      [['--stop', 'SIGNONSENSE', '--', 'node', 'server.js'], /--stop takes the name of a signal/],
      [['--stop', 'SIGKILL', '--', 'node', 'server.js'], /No server can handle SIGKILL/],
      [['--slow', 'slow', '--', 'node', 'server.js'], /--slow takes a path that begins with "\/"/],
      [['--', 'no-such-command'], /no-such-command cannot be started: there is no such command/],
      [['--', process.execPath, 'no-such-file.js'], /exited with status 1 before it answered/],
      [['--limit', 'soon', '--', 'node', 'server.js'], /whole number/],
    ]
    for (const [args, message] of cases) {
      const { status, stderr } = await verify(args)
      expect(stderr).toMatch(message)
      expect(status).toBe(2)
    }
  })

  test('says that a server listens on no port, and ends it', async () => {
    const idle = ['-e', 'console.log(process.pid); setInterval(() => {}, 1000)']
    const { status, stderr } = await verify(['--start-limit', '1000', '--', process.execPath, ...idle])
    expect(stderr).toMatch(/The server listens on no TCP port after 1000 ms/)
    expect(status).toBe(2)
    const [, pid] = /It printed:\n(\d+)/.exec(stderr) ?? []
    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH')
  })

  test('says that a route answers with an error', async () => {
    const server = ['--', process.execPath, fixture('right.mjs')]
    const get = await verify(['--get', '/nothing', ...server])
    expect(get).toMatchObject({ status: 2, stderr: expect.stringMatching(/GET \/nothing at .* answers 404/) })
    const slow = await verify(['--slow', '/nothing', ...server])
    expect(slow).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/GET \/nothing answers 404\. Name a route that works with --slow/),
    })
  })

  test('says which process uses the port', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    undo.add(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const server = ['--', process.execPath, fixture('right.mjs')]
    const { status, stderr } = await verify(server, { PORT: String(port) })
    expect(stderr).toMatch(new RegExp(`port ${port} is in use by process ${process.pid}`))
    expect(status).toBe(2)
  })

  test('clears CI and TEST for the server, and says so', async () => {
    const server = ['--', process.execPath, '-e', environmentServer]
    const { stdout, status } = await verify(['--only', 'silent', ...server], { CI: 'true', TEST: '1' })
    expect(stdout).toContain('The server runs without CI and TEST')
    expect(status).toBe(0)
  })

  test('tells a server that its signal ended as such', async () => {
    const { stdout, status } = await verify([
      '--only',
      'silent',
      '--',
      process.execPath,
      '-e',
      environmentServer,
    ])
    expect(stdout).toMatch(/silent connection +1 closed +SIGTERM \(143\)/)
    expect(status).toBe(0)
  })
})

describeLinux('the reports of zerodrop verify', () => {
  test('tell one run as JSON, JUnit XML, HTML and annotations, which a baseline forgives', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-verify-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const file = (name: string): string => path.join(folder, name)
    const server = ['--only', 'accept-queue,silent', '--', process.execPath, '-e', environmentServer]
    const flags = ['--json', '--github', '--junit', file('junit.xml'), '--html', file('page.html')]
    const ended = await verify([...flags, ...server], { GITHUB_STEP_SUMMARY: file('summary.md') })
    expect(ended.status).toBe(1)
    expect(verdicts(ended)).toEqual({ 'accept-queue': 'fail', silent: 'pass' })
    expect(ended.stderr).toMatch(
      /^::error title=zerodrop verify%3A connection in the accept queue::1 of 1 clients had/m,
    )
    expect(readFileSync(file('junit.xml'), 'utf8')).toMatch(/<testsuite tests="2" errors="0" failures="1"/)
    expect(readFileSync(file('summary.md'), 'utf8')).toContain('| ✅ | silent connection |')
    const page = readFileSync(file('page.html'), 'utf8')
    expect(page).toMatch(/<rect class="reset"/)
    expect(page).not.toMatch(/<script|src=|href=/)

    writeFileSync(file('baseline.json'), ended.stdout)
    const again = await verify(['--baseline', file('baseline.json'), ...server])
    expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('No worse than the baseline.') })
    const better: Report = { ...(JSON.parse(ended.stdout) as Report), situations: [] }
    writeFileSync(file('baseline.json'), JSON.stringify(better))
    const worse = await verify(['--baseline', file('baseline.json'), ...server])
    expect(worse).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('Worse than the baseline: connection in the accept queue.'),
    })
  })

  test('say what is wrong with a baseline', async () => {
    const { status, stderr } = await verify(['--baseline', __filename, '--', 'node', 'server.js'])
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/--baseline .* cannot be read/),
    })
  })
})

describeLinux('zerodrop verify with restarts', () => {
  test('passes a server that uses zerodrop', async () => {
    const situations = ['accept-queue', 'two-deploys'].join(',')
    const flags = ['--restart', 'SIGHUP', '--only', situations, '--json']
    const ended = await verify([...flags, '--', process.execPath, fixture('right.mjs')])
    expect(verdicts(ended)).toEqual({ 'accept-queue': 'pass', 'two-deploys': 'pass' })
    expect(ended.status).toBe(0)
  })

  test('catches a server that its restart signal ends', async () => {
    const server = ['--', process.execPath, '-e', environmentServer]
    const flags = ['--restart', 'SIGHUP', '--limit', '1000', '--only', 'keep-alive-race']
    const { status, stdout } = await verify([...flags, ...server])
    expect(stdout).toMatch(/no new process listened within 1000 ms/)
    expect(status).toBe(1)
  })
})

/** Answers only where neither CI nor TEST is set. */
const environmentServer = `require('http').createServer((request, response) => {
  response.statusCode = process.env.CI || process.env.TEST ? 500 : 200
  response.end()
}).listen(process.env.PORT, '127.0.0.1')`
