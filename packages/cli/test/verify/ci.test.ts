import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { bin, describeLinux, fixture, undo } from './support/verify.ts'

afterEach(() => undo.disposeAll())

const action = readFileSync(path.join(__dirname, '../../../../examples/ci/action.yml'), 'utf8')

describeLinux('examples/ci', () => {
  test.each([
    ['right.mjs', 0],
    ['wrong.mjs', 1],
  ])('the step of the action judges %s', async (server, expected) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-ci-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    // Before it is published, npx would not find it.
    const npx = `#!/bin/sh\n[ "$1 $2" = "--yes zerodrop@latest" ] && shift 2 && exec "${process.execPath}" "${bin}" "$@"\n`
    writeFileSync(path.join(folder, 'npx'), npx)
    chmodSync(path.join(folder, 'npx'), 0o755)
    const script = /^ {6}run: (.+)$/m.exec(action)?.[1] ?? ''
    const child = spawn('bash', ['-e', '-c', script], {
      cwd: folder,
      env: {
        ...process.env,
        PATH: `${folder}:${process.env['PATH']}`,
        COMMAND: `${process.execPath} ${fixture(server)}`,
        OPTIONS: '--slow /slow --only in-flight --limit 3000',
        VERSION: 'latest',
        REPORT: 'page.html',
        GITHUB_STEP_SUMMARY: path.join(folder, 'summary.md'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    undo.add(() => child.kill('SIGTERM'))
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    const [status] = (await once(child, 'close')) as [number]
    expect(status).toBe(expected)
    expect(readFileSync(path.join(folder, 'page.html'), 'utf8')).toContain('<!doctype html>')
    expect(/^::error/m.test(stdout)).toBe(expected === 1)
    expect(readFileSync(path.join(folder, 'summary.md'), 'utf8')).toContain('slow request in flight')
  })
})
