/** What zerodrop verify says where it cannot judge: a message that names the mistake, status 2, and nothing left running. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { bin, describeLinux, fixture, runningWith, undo, unusual, verifyCleanly } from './support/verify.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-bad-input-'))
const file = (name: string): string => path.join(folder, name)

afterEach(() => undo.disposeAll())
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const node = process.execPath
const right = ['--', node, fixture('right.mjs')]
const quick = ['--only', 'silent', '--limit', '2000']
const deploy = ['--only', 'silent', '--limit', '1500', '--restart-command']

type Case = readonly [mistake: string, args: readonly string[], message: RegExp]

const servers: Case[] = [
  [
    'a server that crashes',
    unusual('crashes'),
    /exited with status 3 before it answered\.\nIt printed:\nthe database cannot be reached/,
  ],
  [
    'a command line in one word',
    ['--', 'node server.js'],
    /node server\.js cannot be started: .*separate words/,
  ],
  [
    'a daemon without a trace on no TCP port',
    ['--start-limit', '1500', ...unusual('daemonizes without a trace', 'serves nothing')],
    /The server listens on no TCP port/,
  ],
  [
    'a server that ends with its standard input',
    ['--', 'cat'],
    /exited with status 0 before it answered\..* It printed nothing\. Its standard input is empty/,
  ],
  ['an empty command', ['--', ''], /cannot be started/],
  ['a folder as a command', ['--', folder], /cannot be started/],
  [
    'a server on a Unix socket',
    ['--start-limit', '1500', ...unusual('on a Unix socket', file('socket'))],
    new RegExp(`listens on the Unix socket ${file('socket')}, and on no TCP port`),
  ],
  [
    'a server that speaks HTTP/2 only',
    ['--start-limit', '1500', ...unusual('HTTP/2 only')],
    /answers HTTP\/2 only/,
  ],
  [
    'a route that needs a login',
    unusual('status', '401'),
    /GET \/ at http:\/\/127\.0\.0\.1:\d+ answers 401\. Name a route that works with --get/,
  ],
  ['a route that fails', unusual('status', '500'), /answers 500\. Name a route that works with --get/],
  [
    'a --url that nobody answers',
    ['--start-limit', '1500', '--url', 'http://127.0.0.1:9', '--', 'sleep', '60'],
    /Nothing answers HTTP at http:\/\/127\.0\.0\.1:9/,
  ],
  [
    'a server that starts only once',
    ['--only', 'silent,arrived,accept-queue,half-head', ...unusual('starts once', file('once'))],
    /exited with status 4 before it answered/,
  ],
]

const files: Case[] = [
  [
    'a JUnit file in no folder',
    ['--junit', file('none/junit.xml'), ...quick, ...right],
    /--junit .*none\/junit\.xml cannot be written: .*ENOENT/,
  ],
  [
    'an HTML file that is a folder',
    ['--html', folder, ...quick, ...right],
    /--html .* cannot be written: it is a folder/,
  ],
  [
    'a baseline that is not there',
    ['--baseline', file('none.json'), ...right],
    /--baseline .*none\.json cannot be read: ENOENT/,
  ],
  [
    'a baseline of another format',
    ['--baseline', file('other.json'), ...right],
    /--baseline .*other\.json is no report/,
  ],
]

const commands: Case[] = [
  [
    'a restart command that fails',
    [...deploy, 'echo no such app >&2; exit 7', ...right],
    /The command of --restart-command ended with 7: .*\nno such app/,
  ],
  [
    'a restart command that hangs',
    [...deploy, 'sleep 600', ...right],
    /The command of --restart-command had not ended after 1500 ms/,
  ],
  [
    'a break command that fails',
    ['--restart', 'SIGHUP', '--only', 'broken-deploy', '--break', 'exit 8', '--mend', 'true', ...right],
    /The command of --break ended with 8/,
  ],
]

describeLinux('zerodrop verify says what is wrong, and leaves nothing running', () => {
  test.each([...servers, ...commands])('%s', async (_mistake, args, message) => {
    const { status, stderr } = await verifyCleanly(args)
    expect(stderr).toMatch(message)
    expect(status).toBe(2)
  })

  test.each(files)('%s, before it starts a server', async (_mistake, args, message) => {
    writeFileSync(file('other.json'), '{"situations":[null]}')
    const { status, stdout, stderr } = await verifyCleanly(args)
    expect(stderr).toMatch(message)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })

  test('an address that another server has', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    undo.add(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { status, stderr } = await verifyCleanly([
      '--url',
      `http://127.0.0.1:${port}`,
      ...unusual('answers'),
    ])
    expect(stderr).toMatch(new RegExp(`port ${port} is in use by process ${process.pid}`))
    expect(status).toBe(2)
  })

  test('an output that nobody reads', async () => {
    const mark = randomUUID()
    const child = spawn(node, [bin, 'verify', '--limit', '2000', ...unusual('ignores its signal')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ZERODROP_TEST: mark },
    })
    undo.add(() => child.kill('SIGTERM'))
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const [status] = (await once(child, 'close')) as [number]
    expect(runningWith(`ZERODROP_TEST=${mark}`)).toEqual([])
    expect(stderr).toMatch(/^zerodrop: Standard output is closed/)
    expect(status).toBe(2)
  })

  test('an interruption that comes twice', async () => {
    const mark = randomUUID()
    const child = spawn(node, [bin, 'verify', '--limit', '60000', ...unusual('ignores its signal')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ZERODROP_TEST: mark },
    })
    undo.add(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    child.stdout.resume()
    // npm passes on the SIGINT that the terminal has sent to the whole process group.
    child.kill('SIGINT')
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([null, 'SIGINT'])
    expect(runningWith(`ZERODROP_TEST=${mark}`)).toEqual([])
  })
})
