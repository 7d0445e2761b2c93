import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { type AppProcess, startApp } from '../../conformance/src/app-process.ts'
import { type NotifyRecorder, recordNotices } from './support/notify-recorder.ts'

const bin = path.join(__dirname, '../dist/main.js')
const server = path.join(__dirname, 'fixtures/server.mjs')

const undo = leftovers()
afterEach(() => undo.disposeAll())

const describeUnix = process.platform === 'win32' ? describe.skip : describe

interface Service {
  readonly app: AppProcess
  readonly port: number
  readonly deploy: (version: string) => void
  readonly arrived: (test: (notice: Record<string, string>) => boolean) => Promise<Record<string, string>>
}

function recorder(exitStatus = 0): NotifyRecorder {
  const recording = recordNotices(exitStatus)
  undo.add(recording.remove)
  return recording
}

async function start(
  how: 'plain' | 'zerodrop run',
  recording: NotifyRecorder,
  env: Record<string, string> = {},
): Promise<Service> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-notices-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const deploy = (version: string): void => writeFileSync(path.join(folder, 'version.txt'), version)
  deploy('1')
  const port = await freePort()
  const kept = ['run', '--control', path.join(folder, 'control.sock'), server]
  const app = await startApp({
    file: how === 'plain' ? server : bin,
    args: how === 'plain' ? [] : kept,
    env: { ...recording.env, PORT: String(port), VERSION_FILE: path.join(folder, 'version.txt'), ...env },
  })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  const arrived: Service['arrived'] = async (test) => {
    for (;;) {
      const found = recording.notices().find(test)
      if (found !== undefined) return found
      await delay(20)
    }
  }
  return { app, port, deploy, arrived }
}

/** Without what differs from run to run. */
function told(recording: NotifyRecorder): Record<string, string>[] {
  const numbers = (text: string): string => text.replace(/\d{4,}/g, 'N')
  return recording
    .notices()
    .map((notice) =>
      Object.fromEntries(
        Object.entries(notice).map(([name, value]) => [name, name === 'MAINPID' ? value : numbers(value)]),
      ),
    )
}

describeUnix('sd_notify', () => {
  test.each(['plain', 'zerodrop run'] as const)(
    '%s: the start, a restart, a failed one and the stop',
    async (how) => {
      const recording = recorder()
      const { app, deploy, arrived } = await start(how, recording)
      await arrived(({ READY }) => READY === '1')
      deploy('2')
      app.signal('SIGHUP', how === 'plain' ? undefined : app.pid)
      const { pid } = await app.waitFor(({ event, version }) => event === 'listening' && version === '2')
      await arrived(({ STATUS }) => STATUS?.startsWith('generation 2 serves on') === true)
      await app.waitFor('exit')
      deploy('broken')
      app.signal('SIGHUP', how === 'plain' ? pid : app.pid)
      const failed = await arrived(({ STATUS }) => STATUS?.includes('failed') === true)
      expect(failed).toMatchObject({ READY: '1' })
      app.signal('SIGTERM', how === 'plain' ? pid : app.pid)
      await app.exited
      await app.exitOf(pid as number)
      const mainPid = how === 'plain' ? { MAINPID: String(pid) } : {}
      const notices = told(recording)
      expect(notices.slice(0, 2)).toEqual([
        { READY: '1', STATUS: 'generation 1 serves on tcp://[::]:N' },
        {
          RELOADING: '1',
          MONOTONIC_USEC: 'N',
          STATUS: 'generation 1 serves on tcp://[::]:N, generation 2 starts',
        },
      ])
      expect(notices.filter(({ READY }) => READY !== undefined)).toEqual([
        { READY: '1', STATUS: 'generation 1 serves on tcp://[::]:N' },
        { READY: '1', STATUS: 'generation 2 serves on tcp://[::]:N', ...mainPid },
        {
          READY: '1',
          STATUS: expect.stringMatching(
            /^generation 2 serves on .*; the last restart failed: ERR_ZERODROP_SUCCESSOR_EXITED: /,
          ),
        },
      ])
      const pids = notices.flatMap(({ MAINPID }) => MAINPID ?? [])
      expect(pids).toEqual(how === 'plain' ? [String(pid), String(pid)] : [])
      expect(notices.find(({ STOPPING }) => STOPPING === '1')).toMatchObject({
        EXTEND_TIMEOUT_USEC: 'N',
      })
    },
  )

  test.each(['plain', 'zerodrop run'] as const)('%s: signs of life of each generation', async (how) => {
    const recording = recorder()
    const { app, arrived } = await start(how, recording, { WATCHDOG_USEC: '200000' })
    const signs = (): number => recording.notices().filter(({ WATCHDOG }) => WATCHDOG === '1').length
    await arrived(() => signs() >= 3)
    app.signal('SIGHUP', how === 'plain' ? undefined : app.pid)
    await app.waitFor('exit')
    const before = signs()
    await arrived(() => signs() >= before + 3)
    expect(app.stderr).not.toContain('ERR_ZERODROP')
  })

  test('a watchdog of another process is not fed', async () => {
    const recording = recorder()
    const { app, arrived } = await start('plain', recording, { WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' })
    await arrived(({ READY }) => READY === '1')
    app.signal('SIGTERM')
    await app.exited
    expect(recording.notices().some(({ WATCHDOG }) => WATCHDOG === '1')).toBe(false)
  })

  test('a process that the service has started for itself sends no notices', async () => {
    const recording = recorder()
    // The test runner is Node's, and stands between the process and the one that systemd is said to have started.
    const { app } = await start('plain', recording, { SYSTEMD_EXEC_PID: '1' })
    app.signal('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
    expect(recording.notices()).toEqual([])
  })

  test('without the program the service reports it once, and serves', async () => {
    const { app, port } = await start('plain', recorder(), { PATH: '/nowhere' })
    await app.waitForStderr(/ERR_ZERODROP_NOTIFY_FAILED: NOTIFY_SOCKET is set, .*spawn systemd-notify ENOENT/)
    const client = await RawClient.connect({ port })
    expect((await client.request({ path: '/', headers: { connection: 'close' } })).status).toBe(200)
    app.signal('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
    expect(app.stderr.match(/ERR_ZERODROP_NOTIFY_FAILED/g)).toHaveLength(1)
  })

  test('without NOTIFY_SOCKET nothing is started', async () => {
    const recording = recorder()
    const { app } = await start('plain', recording, { NOTIFY_SOCKET: '' })
    app.signal('SIGTERM')
    await app.exited
    expect(recording.notices()).toEqual([])
  })
})

// systemd's own program, and a socket that only Python can open: Node has no datagram socket in AF_UNIX.
const canReceive = [
  ['systemd-notify', '--version'],
  ['python3', '-c', 'import socket; socket.AF_UNIX'],
].every(([program, ...args]) => spawnSync(program!, args).status === 0)
const describeDatagrams = canReceive ? describe : describe.skip

const receiver = `
import json, socket, sys
end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
end.bind(sys.argv[1])
print('{}', flush=True)
while True:
    fields = end.recv(65536).decode().split('\\n')
    print(json.dumps(dict(field.split('=', 1) for field in fields if field)), flush=True)
`

describeDatagrams('a socket as systemd has it (needs systemd-notify and python3)', () => {
  test('hears of a reload what Type=notify-reload waits for', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-notices-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const socket = path.join(folder, 'notify.sock')
    const child = spawn('python3', ['-c', receiver, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
    undo.add(() => void child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = async (): Promise<Record<string, string>> =>
      JSON.parse((await lines.next()).value as string) as Record<string, string>
    await next()
    const heard = async (name: string): Promise<Record<string, string>> => {
      for (;;) {
        const notice = await next()
        if (name in notice) return notice
      }
    }
    const env = { NOTIFY_SOCKET: socket, PATH: process.env['PATH'] ?? '' }
    const { app, deploy } = await start('zerodrop run', { env, notices: () => [], remove: () => {} })
    expect(await heard('READY')).toMatchObject({ READY: '1' })
    for (const [version, status] of [
      ['2', /^generation 2 serves/],
      ['broken', /the last restart failed: ERR_ZERODROP_SUCCESSOR_EXITED/],
    ] as const) {
      deploy(version)
      const asked = process.hrtime.bigint() / 1000n
      app.signal('SIGHUP', app.pid)
      // In one message, and later than systemd has asked: it takes an older one for that of another reload.
      const { RELOADING, MONOTONIC_USEC = '0' } = await heard('RELOADING')
      expect([RELOADING, BigInt(MONOTONIC_USEC) >= asked]).toEqual(['1', true])
      expect(await heard('READY')).toMatchObject({ READY: '1', STATUS: expect.stringMatching(status) })
    }
    app.signal('SIGTERM', app.pid)
    expect(await heard('STOPPING')).toMatchObject({ STOPPING: '1' })
  })
})
