import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { situations } from '../../src/verify/situations/table.ts'
import { describeLinux, fixture, routes, undo, verdicts, verifyCleanly } from './support/verify.ts'

afterEach(() => undo.disposeAll())

const server = (...way: string[]): string[] => ['--', process.execPath, fixture('wrong-restart.mjs'), ...way]
/** The server has to close these connections, so only one that stays does them wrong. */
const closings = ['silent', 'stalled-head', 'endless']
const cuttable = situations
  .filter(({ name, at }) => at.includes('restart') && !closings.includes(name))
  .map(({ name }) => name)

describeLinux('zerodrop verify catches in every situation around a restart', () => {
  test('a server that cuts its connections, and is away while the next one starts', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-verify-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const file = path.join(folder, 'broken')
    const broken = ['--break', `touch ${file}`, '--mend', `rm ${file}`]
    const flags = ['--restart', 'SIGHUP', '--only', cuttable.join(','), ...broken, ...routes, '--json']
    const ended = await verifyCleanly([...flags, ...server()], { BROKEN: file })
    // It speaks no HTTP/2.
    expect(verdicts(ended)).toEqual(
      Object.fromEntries(cuttable.map((name) => [name, name === 'http2-streams' ? 'skip' : 'fail'])),
    )
    expect(ended.status).toBe(1)
    expect(existsSync(file)).toBe(false)
  })

  test('a server that resets what waits when the signal of its restart command arrives', async () => {
    const late = 'sleep 0.5; kill -HUP $ZERODROP_VERIFY_PID'
    const ended = await verifyCleanly([
      '--restart-command',
      late,
      '--only',
      'accept-queue',
      '--json',
      ...server(),
    ])
    expect(verdicts(ended)).toEqual({ 'accept-queue': 'fail' })
  })

  test('a server that never ends', async () => {
    const flags = [
      '--restart',
      'SIGHUP',
      '--only',
      closings.join(','),
      '--limit',
      '1000',
      ...routes,
      '--json',
    ]
    const ended = await verifyCleanly([...flags, ...server('stays')])
    expect(verdicts(ended)).toEqual(Object.fromEntries(closings.map((name) => [name, 'fail'])))
    expect(ended.status).toBe(1)
  })
})
