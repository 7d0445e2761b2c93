import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Notice, serviceManagerOf } from '../../src/system/service-manager.ts'

const describeUnix = process.platform === 'win32' ? describe.skip : describe
const { env } = process
const own = { ...env }
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-notify-'))
  const program = path.join(folder, 'systemd-notify')
  // A NUL cannot be in an argument, so it ends one here.
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\0' "$@" >>'${path.join(folder, 'notices')}'\n`)
  chmodSync(program, 0o755)
  for (const name of ['SYSTEMD_EXEC_PID', 'WATCHDOG_PID', 'WATCHDOG_USEC']) delete env[name]
  Object.assign(env, { NOTIFY_SOCKET: '/nowhere', PATH: `${folder}:${own['PATH']}` })
})

afterEach(() => {
  for (const name of ['NOTIFY_SOCKET', 'PATH', 'SYSTEMD_EXEC_PID', 'WATCHDOG_PID', 'WATCHDOG_USEC'])
    if (own[name] === undefined) delete env[name]
    else env[name] = own[name]
  rmSync(folder, { recursive: true })
})

/** Sends a notice, and returns the fields that have arrived. */
async function send(notice: Notice): Promise<string[]> {
  const manager = serviceManagerOf(undefined, false)
  const failed = jest.fn()
  manager?.onFailed(failed)
  manager?.tell(notice)
  await manager?.told()
  expect(failed).not.toHaveBeenCalled()
  return readFileSync(path.join(folder, 'notices'), 'utf8').split('\0').slice(0, -1)
}

describeUnix('a notice', () => {
  test.each([
    ['letters of one byte', 'x'.repeat(10_000)],
    ['letters of two bytes', 'é'.repeat(5000)],
    ['characters of four bytes', ` ${'𝒳'.repeat(5000)}`],
  ])('with a long status of %s arrives, cut to what systemd accepts', async (_name, text) => {
    const [ready, status = ''] = await send({ READY: '1', STATUS: text })
    expect(ready).toBe('READY=1')
    expect(Buffer.byteLength(status)).toBeGreaterThan(2000)
    expect(Buffer.byteLength(status)).toBeLessThan(4000)
    expect(`STATUS=${text}`.startsWith(status.replace(/\.\.\.$/, ''))).toBe(true)
    expect(status.endsWith('...')).toBe(true)
  })

  test('with line breaks and control characters in its status arrives as one line', async () => {
    const STATUS = 'failed: one\r\nMAINPID=1\n\ttwo\0three\u001b[31m'
    expect(await send({ READY: '1', STATUS })).toEqual([
      'READY=1',
      'STATUS=failed: one MAINPID=1 two three [31m',
    ])
  })
})
