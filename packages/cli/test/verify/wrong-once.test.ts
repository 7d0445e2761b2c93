/** Servers that are wrong in one situation. `npm run matrix` judges each of them in all situations. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { situations } from '../../src/verify/situations/table.ts'
import { describeLinux, fixture, routes, undo, verdicts, verifyCleanly } from './support/verify.ts'

afterEach(() => undo.disposeAll())

type Event = 'stop' | 'restart'
const flagsOf = { stop: [], restart: ['--restart', 'SIGHUP'] }
const server = (...words: string[]): string[] => ['--', process.execPath, fixture('wrong-once.mjs'), ...words]

/** The situations that fail too, for each that does, and why. */
const follows = JSON.parse(readFileSync(fixture('follows.json'), 'utf8')) as Record<string, object>

/** The situations without flags of their own, in the order of the report. */
const plain = (event: Event): string[] =>
  situations
    .filter(({ name, at }) => at.includes(event) && !['http2-streams', 'broken-deploy'].includes(name))
    .map(({ name }) => name)

/** The verdicts on one situation, and on the next before and after it. */
const near = (name: string, names: readonly string[]): Record<string, string> => {
  const at = Math.min(Math.max(names.indexOf(name), 1), names.length - 2)
  const fails = [name, ...Object.keys(follows[name] ?? {})]
  return Object.fromEntries(
    names.slice(at - 1, at + 2).map((each) => [each, fails.includes(each) ? 'fail' : 'pass']),
  )
}

/** The routes that these situations need. */
function routesOf(names: readonly string[]): string[] {
  const needed = situations.filter(({ name }) => names.includes(name)).flatMap(({ needs = [] }) => needs)
  if (names.includes('response-in-progress')) needed.push('large')
  return routes.flatMap((flag, at) =>
    needed.some((name) => flag === `--${name}`) ? [flag, routes[at + 1] as string] : [],
  )
}

/** Runs tasks, three at a time: some of them wait for the limit. */
async function threeAtATime(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = [...tasks]
  const lane = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task()
  }
  await Promise.all([lane(), lane(), lane()])
}

describeLinux('zerodrop verify fails one situation, and passes the next before and after it,', () => {
  test.each<[Event, string[]]>([
    // `npm run matrix` has the others, because deploys take longer, and these three faults depend on time.
    [
      'stop',
      plain('stop').filter((name) => !['accept-queue', 'slow-reader', 'second-signal'].includes(name)),
    ],
    ['restart', ['keep-alive-race', 'two-deploys']],
  ])('of a server that is wrong in it at a %s', async (event, chosen) => {
    const names = plain(event)
    const judged: Record<string, unknown> = {}
    const judge = async (name: string): Promise<void> => {
      const three = Object.keys(near(name, names))
      const flags = [...flagsOf[event], ...routesOf(three), '--only', three.join(','), '--limit', '5000']
      judged[name] = verdicts(await verifyCleanly([...flags, '--json', ...server(name)]))
    }
    await threeAtATime(chosen.map((name) => () => judge(name)))
    expect(judged).toEqual(Object.fromEntries(chosen.map((name) => [name, near(name, names)])))
  })
})

describeLinux('zerodrop verify catches a server that', () => {
  test.each<[string, Event]>([
    ['says GOAWAY and finishes no stream', 'stop'],
    ['says GOAWAY and finishes no stream', 'restart'],
    ['cancels its streams', 'restart'],
    ['closes its HTTP/2 connections', 'restart'],
  ])('%s at a %s', async (way, event) => {
    const flags = [
      ...flagsOf[event],
      '--h2',
      '--slow',
      '/slow',
      '--only',
      'http2-streams,accept-queue',
      '--json',
    ]
    const ended = await verifyCleanly([...flags, ...server('http2-streams', way)])
    expect(verdicts(ended)).toEqual({ 'http2-streams': 'fail', 'accept-queue': 'pass' })
  })

  test('ignores the second of two deploys', async () => {
    const flags = [...flagsOf.restart, '--limit', '4000', '--only', 'two-deploys']
    const ended = await verifyCleanly([...flags, ...server('two-deploys', 'ignores it')])
    expect(ended.stdout).toMatch(
      /✗ two deploys in a row: what serves in the end was started before the second/,
    )
  })

  test('leaves if the new version cannot start', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-verify-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const file = path.join(folder, 'broken')
    const only = ['--only', 'silent,broken-deploy,two-deploys', '--json']
    const flags = [...flagsOf.restart, '--break', `touch ${file}`, '--mend', `rm ${file}`, ...only]
    const ended = await verifyCleanly([...flags, ...server('broken-deploy')], { BROKEN: file })
    expect(verdicts(ended)).toEqual({ silent: 'pass', 'broken-deploy': 'fail', 'two-deploys': 'pass' })
    expect(ended.stderr).toMatch(
      /✗ broken deploy: the old process is gone, though the new version could not start/,
    )
    expect(existsSync(file)).toBe(false)
  })
})
