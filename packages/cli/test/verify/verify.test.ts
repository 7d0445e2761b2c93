import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  bin,
  describeLinux,
  environmentServer,
  fixture,
  routes,
  undo,
  verdicts,
  verify,
} from './support/verify.ts'

afterEach(() => undo.disposeAll())

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
    // Time enough to start, and to print its pid.
    const { status, stderr } = await verify(['--start-limit', '5000', '--', process.execPath, ...idle])
    expect(stderr).toMatch(/The server listens on no TCP port after 5000 ms/)
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

  test('says that no Docker engine answers', async () => {
    const { status, stderr } = await verify(['--docker', 'image'], {
      DOCKER_HOST: 'unix:///nothing',
      PATH: process.env['PATH'],
    })
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/--docker needs a Docker engine, and none answers/),
    })
  })

  test('finds a server that speaks TLS, and judges its HTTP/2 streams', async () => {
    const flags = [
      '--h2',
      '--only',
      'http2-streams,accept-queue',
      '--json',
      '--',
      process.execPath,
      fixture('tls.mjs'),
    ]
    expect(verdicts(await verify(flags))).toEqual({ 'http2-streams': 'pass', 'accept-queue': 'pass' })
    expect(verdicts(await verify([...flags, 'bare']))).toMatchObject({ 'http2-streams': 'fail' })
  })

  test('ends what it started when it is interrupted', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-verify-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const server = `process.on('SIGTERM', () => {})
require('fs').appendFileSync(${JSON.stringify(path.join(folder, 'pids'))}, process.pid + '\\n')
${environmentServer}`
    const args = ['verify', '--only', 'silent', '--limit', '60000', '--', process.execPath, '-e', server]
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    undo.add(() => child.kill('SIGKILL'))
    // The table is begun when the server has been examined; the second process is the one that ignores its signal.
    await once(child.stdout, 'data')
    child.stdout.resume()
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([null, 'SIGINT'])
    for (const pid of readFileSync(path.join(folder, 'pids'), 'utf8').trim().split('\n'))
      expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH')
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
