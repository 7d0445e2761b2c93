import path from 'node:path'
import { leftovers } from '@zerodrop/traffic'
import { lookUp } from '../src/process-table.ts'
import { isFlat, trendOf } from '../src/soak/trend.ts'
import { CommandRun } from './support/command-run.ts'

const badServer = path.join(__dirname, '../fixtures/soak/bad-server.mjs')

const undo = leftovers()
afterEach(() => undo.disposeAll())

const start = (...args: string[]): CommandRun => new CommandRun(undo, 'soak', ...args)

// Windows cannot hand over a listening socket, and macOS has no /proc in which orphans could be found.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

describeLinux('the soak', () => {
  test.each([
    ['express', 3],
    ['koa', 1],
    ['fastify', 1],
  ])('succeeds in a short run over %s', async (framework, restarts) => {
    const soak = start(framework, '--restarts', String(restarts), '--requests', '2000', '--clients', '10')
    expect([await soak.exit(), soak.stdout, soak.stderr]).toEqual([
      [0, null],
      expect.stringMatching(/^keep-alive +[1-9][\d,]* +0 +0 +5 of 5 kept /m),
      expect.not.stringContaining('Not as expected'),
    ])
    for (const kind of ['connection per request', 'pipelining', 'uploads', 'slow readers', 'TLS', 'HTTP/2'])
      expect(soak.stdout).toMatch(new RegExp(`^${kind}.* [1-9][\\d,]* +0 +0 `, 'm'))
    expect(soak.stdout).toMatch(new RegExp(`^generations seen +1 to ${restarts + 1}$`, 'm'))
    expect(soak.stdout).toMatch(/^processes +1$/m)
  })

  test.each([[], ['--keeper']])(
    'with --streams in short succeeds over WebSockets and event streams %j',
    async (...flags) => {
      const soak = start('--streams', '--clients', '20', '--restarts', '2', '--pause', '300', ...flags)
      expect([await soak.exit(), soak.stderr]).toEqual([
        [0, null],
        expect.not.stringContaining('Not as expected'),
      ])
      for (const what of ['echoes', 'asynchronous answers', 'pushes', 'pings', 'events of streams'])
        expect(soak.stdout).toMatch(new RegExp(`^${what} +[1-9][\\d,]* +0 +0 +0 +0$`, 'm'))
    },
  )

  test('has a control, which restarts nothing', async () => {
    const soak = start('koa', '--control', '--restarts', '2', '--requests', '2000', '--clients', '4')
    expect([await soak.exit(), soak.stderr]).toEqual([
      [0, null],
      expect.not.stringContaining('Not as expected'),
    ])
    expect(soak.stdout).toMatch(/^generations seen +1$/m)
  })

  test('fails for a server that starts the new process and exits, and names the failed expectation', async () => {
    const soak = start('--restarts', '2', '--requests', '2000', '--clients', '10', '--server', badServer)
    expect(await soak.exit()).toEqual([1, null])
    expect(soak.stderr).toMatch(
      /^Not as expected: bad-server\.mjs: lost [1-9]\d* of \d+ requests, such as: /m,
    )
    expect(soak.stderr).toMatch(/^Not as expected: .*: kept 0 of 5 connections of keep-alive;/m)
    expect(soak.stdout).toMatch(/^generations seen +1 to 3$/m)
  })

  test('takes its server along when it is interrupted', async () => {
    const soak = start('koa', '--restarts', '10', '--requests', '20000')
    const [, server] = await soak.says(/koa serves as process (\d+)/)
    expect(lookUp(Number(server))).toBeDefined()
    expect(await soak.end()).toEqual([143, null])
    expect(lookUp(Number(server))).toBeUndefined()
    expect(soak.stdout).toBe('')
  })
})

test.each([
  [['koa', 'hapi'], 'no server for "hapi"'],
  [['--restarts', '0'], '--restarts takes a whole number from 1 to 10000, not "0".'],
  [['--requests', 'many'], '--requests takes a whole number from 1 to 100000000, not "many".'],
  [['--clients', '1'], '--clients takes a whole number from 2 to 1000, not "1".'],
  [['--server', 'nowhere.mjs'], 'no such file'],
  [['koa', '--server', 'nowhere.mjs'], 'not both'],
  [['--bogus'], "'--bogus'"],
  [['--streams', '--clients', '1'], '--clients takes a whole number from 2 to 10000, not "1".'],
  [['--streams', '--pause', 'x'], '--pause takes a whole number from 0 to 60000, not "x".'],
  [['--streams', '--control'], "'--control'"],
])('does nothing with the arguments %j', async (args, message) => {
  const soak = start(...args)
  expect([await soak.exit(), soak.stdout, soak.stderr]).toEqual([
    [2, null],
    '',
    expect.stringContaining(message),
  ])
})

test('prints its usage', async () => {
  const soak = start('--help')
  expect([await soak.exit(), soak.stderr]).toEqual([[0, null], ''])
  for (const option of ['--restarts', '--requests', '--clients', '--server', '--help'])
    expect(soak.stdout).toContain(`  ${option} `)
})

test.each([
  [[90, 92, 91, 93, 91, 92, 94, 91], true],
  // One generation of many does not make a trend.
  [[90, 300, 90, 90, 90, 90, 300, 90], true],
  [[90, 92, 94, 96, 98, 100, 102, 104], false],
  [[20, 21, 22, 23, 24, 24, 24, 24], true],
  [[20, 21, 22, 23, 24, 25, 26, 27], false],
  [[90, 80, 70, 60, 50, 40, 30, 20], true],
])('the trend of %j is flat: %s', (values, flat) => {
  expect(isFlat(trendOf(values), 4)).toBe(flat)
})
