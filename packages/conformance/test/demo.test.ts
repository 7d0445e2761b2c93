import { existsSync } from 'node:fs'
import path from 'node:path'
import { leftovers } from '@zerodrop/traffic'
import { lookUp } from '../src/process-table.ts'
import { CommandRun, root } from './support/command-run.ts'

const badServer = path.join(__dirname, '../fixtures/bad-server.mjs')

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Windows cannot hand over a listening socket, and macOS has no /proc in which orphans could be found.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

const folderOf = (demo: CommandRun): string => path.join(root, '.demo', String(demo.pid))
const start = (...args: string[]): CommandRun => new CommandRun(undo, 'demo', ...args)

describeLinux('the demo', () => {
  test('succeeds with an example, and leaves nothing behind', async () => {
    const demo = start('express', '--restarts', '2', '--clients', '10')
    expect([await demo.exit(), demo.stdout, demo.stderr]).toEqual([
      [0, null],
      expect.stringMatching(
        /lost +0\nrefused +0\nconnections kept +18 of 18\nversions seen +1 to 3\nlatency, quiet +p50 /,
      ),
      expect.not.stringContaining('Not as expected'),
    ])
    expect(existsSync(folderOf(demo))).toBe(false)
  })

  test('fails for a server that starts the new process and exits, and names the failed expectation', async () => {
    const demo = start('--restarts', '2', '--clients', '10', '--server', badServer)
    expect(await demo.exit()).toEqual([1, null])
    expect(demo.stderr).toMatch(/^Not as expected: lost [1-9]\d* of \d+ requests, such as: /m)
    expect(demo.stderr).toMatch(/^Not as expected: kept \d of 18 connections/m)
    expect(demo.stdout).toMatch(/^versions seen +1 to 3$/m)
  })

  test('takes its server and its folder along when it is interrupted', async () => {
    const demo = start('koa')
    const [, server] = await demo.says(/serves as process (\d+)/)
    expect(lookUp(Number(server))).toBeDefined()
    expect(existsSync(folderOf(demo))).toBe(true)
    expect(await demo.end()).toEqual([143, null])
    expect(lookUp(Number(server))).toBeUndefined()
    expect(existsSync(folderOf(demo))).toBe(false)
  })
})

test.each([
  [['hapi'], 'no example for "hapi"'],
  [['koa', 'fastify'], 'One framework at a time'],
  [['--restarts', '0'], '--restarts takes a whole number from 1 to 1000, not "0".'],
  [['--clients=-5'], '--clients takes a whole number from 1 to 1000, not "-5".'],
  [['--server', 'nowhere.js'], 'no such file'],
  [['koa', '--server', 'nowhere.js'], 'not both'],
  [['--bogus'], "'--bogus'"],
])('does nothing with the arguments %j', async (args, message) => {
  const demo = start(...args)
  expect([await demo.exit(), demo.stdout, demo.stderr]).toEqual([
    [2, null],
    '',
    expect.stringContaining(message),
  ])
})

test('prints its usage', async () => {
  const demo = start('--help')
  expect([await demo.exit(), demo.stderr]).toEqual([[0, null], ''])
  for (const option of ['--restarts', '--clients', '--server', '--help'])
    expect(demo.stdout).toContain(`  ${option} `)
})
