/** Servers that do one thing wrong: the situation that is about it fails, and its neighbours pass. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describeLinux, fixture, undo, verdicts, verifyCleanly } from './support/verify.ts'

afterEach(() => undo.disposeAll())

const server = (way: string): string[] => ['--', process.execPath, fixture('wrong-once.mjs'), way]
const streams = ['--h2', '--slow', '/slow', '--only', 'http2-streams,accept-queue', '--json']

const restart = ['--restart', 'SIGHUP']

describeLinux('zerodrop verify catches a server that', () => {
  test.each([
    ['says GOAWAY and finishes no stream', 'at a stop', []],
    ['says GOAWAY and finishes no stream', 'at a restart', restart],
    ['cancels its streams', 'at a restart', restart],
    ['closes its HTTP/2 connections', 'at a restart', restart],
  ])('%s %s', async (way, _event, flags) => {
    const ended = await verifyCleanly([...flags, ...streams, ...server(way)])
    expect(verdicts(ended)).toEqual({ 'http2-streams': 'fail', 'accept-queue': 'pass' })
  })

  test('loses requests at the second of two deploys', async () => {
    const flags = [...restart, '--only', 'accept-queue,two-deploys', '--json']
    const ended = await verifyCleanly([...flags, ...server('loses requests at the second of two deploys')])
    expect(verdicts(ended)).toEqual({ 'accept-queue': 'pass', 'two-deploys': 'fail' })
  })

  test('ignores the second of two deploys', async () => {
    const flags = [...restart, '--limit', '4000', '--only', 'two-deploys']
    const ended = await verifyCleanly([...flags, ...server('ignores the second of two deploys')])
    expect(ended.stdout).toMatch(
      /✗ two deploys in a row: what serves in the end was started before the second/,
    )
  })

  test('leaves if the new version cannot start', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-verify-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const file = path.join(folder, 'broken')
    const flags = [...restart, '--break', `touch ${file}`, '--mend', `rm ${file}`, '--only', 'broken-deploy']
    const left = server('leaves if the new version cannot start')
    const ended = await verifyCleanly([...flags, ...left], { BROKEN: file })
    expect(ended.stdout).toMatch(
      /✗ broken deploy: the old process is gone, though the new version could not start/,
    )
  })
})
