import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '@zerodrop/traffic'
import { startApp } from '../../../conformance/src/app-process.ts'
import type { Report } from '../../src/verify/report.ts'
import { describeLinux, environmentServer, fixture, undo, verdicts, verify } from './support/verify.ts'

afterEach(() => undo.disposeAll())

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

  test('follows a server that runs already from one generation to the next', async () => {
    const app = await startApp({ file: fixture('right.mjs'), env: { PORT: String(await freePort()) } })
    undo.add(() => app.stop())
    const flags = ['--pid', String(app.pid), '--restart', 'SIGHUP', '--only', 'accept-queue,silent', '--json']
    const ended = await verify(flags)
    expect(verdicts(ended)).toEqual({ 'accept-queue': 'pass', silent: 'pass' })
  })

  test('plays a broken deploy, and mends what it broke', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-verify-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const file = path.join(folder, 'broken')
    const flags = [
      '--restart',
      'SIGHUP',
      '--only',
      'broken-deploy',
      '--break',
      `touch ${file}`,
      '--mend',
      `rm ${file}`,
    ]
    const ended = await verify([...flags, '--json', '--', process.execPath, fixture('right.mjs')], {
      BROKEN: file,
    })
    expect(verdicts(ended)).toEqual({ 'broken-deploy': 'pass' })
    expect(ended.status).toBe(0)
    expect(existsSync(file)).toBe(false)
  })

  test('catches a server that its restart signal ends', async () => {
    const server = ['--', process.execPath, '-e', environmentServer]
    const flags = ['--restart', 'SIGHUP', '--limit', '1000', '--only', 'keep-alive-race']
    const { status, stdout } = await verify([...flags, ...server])
    expect(stdout).toMatch(/no new process listened within 1000 ms/)
    expect(status).toBe(1)
  })
})
