import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startApp } from '../src/app-process.ts'
import type { AppProcess } from '../src/app-process.ts'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'

const undo = leftovers()
afterEach(() => undo.disposeAll())

// Windows has no SIGHUP to send and passes no descriptors, and macOS no /proc in which `stop` could find orphans.
const describeLinux = process.platform === 'linux' ? describe : describe.skip

async function start(
  fixture: string,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<AppProcess> {
  const app = await startApp({ file: path.join(__dirname, '../fixtures/bad-input', fixture), args, env })
  undo.add(() => app.stop())
  return app
}

async function get(port: number, url = '/'): Promise<string> {
  const client = await RawClient.connect({ port })
  try {
    return (await client.request({ path: url })).body.toString()
  } finally {
    client.destroy()
  }
}

/** A port that somebody else holds. */
async function heldPort(): Promise<number> {
  const holder = net.createServer().listen(0, '127.0.0.1')
  undo.add(() => holder.close())
  await once(holder, 'listening')
  return (holder.address() as net.AddressInfo).port
}

describe('options that are wrong end the start, with a stack that leads to the call', () => {
  test.each([
    ['OPTION_UNKNOWN', 'zerodrop has no option "drainTimout"', [{ drainTimout: 5000 }]],
    ['OPTION_INVALID', 'Expected "drainTimeout" to be a number of milliseconds', [{ drainTimeout: '5s' }]],
    ['OPTION_INVALID', 'Expected "options" to be an object', [null]],
    ['SIGNAL_UNKNOWN', 'Did you mean SIGTERM?', [{ signals: { SIGTREM: 'shutdown' } }]],
    ['SIGNAL_UNSUPPORTED', 'cannot be handled by any process', [{ signals: { SIGKILL: 'shutdown' } }]],
    [
      'OPTION_CONFLICT',
      'is 1000 by an earlier call in this process',
      [{ drainTimeout: 1000 }, { drainTimeout: 2 }],
    ],
  ])('%s: %s', async (code, text, calls) => {
    const app = await start(
      'options.mjs',
      calls.map((options) => JSON.stringify(options)),
    )
    await expect(app.exited).resolves.toEqual({ code: 1, signal: null })
    await app.waitForStderr(new RegExp(`code: 'ERR_ZERODROP_${code}'`))
    expect(app.stderr).toContain(text)
    expect(app.stderr).toContain('options.mjs:4')
  })

  test('with Fastify listen() rejects, and nothing listens', async () => {
    const app = await start('fastify.mjs', ['{ "drainTimout": 1 }', '0'])
    await expect(app.waitFor('rejected')).resolves.toMatchObject({ code: 'ERR_ZERODROP_OPTION_UNKNOWN' })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })
})

describe('a port in use', () => {
  const explained =
    /\[zerodrop\] pid \d+: ERR_ZERODROP_ADDRESS_IN_USE: .* listen on tcp:\/\/127\.0\.0\.1:\d+: it is in use\. Another process/

  test('the application gets Node’s own error, the log the explanation', async () => {
    const app = await start('server.mjs', [`${await heldPort()}`])
    await expect(app.exited).resolves.toEqual({ code: 1, signal: null })
    await app.waitForStderr(/code: 'EADDRINUSE'/)
    expect(app.stderr).toMatch(explained)
  })

  test('with Fastify listen() rejects with it', async () => {
    const app = await start('fastify.mjs', ['{}', `${await heldPort()}`])
    await expect(app.waitFor('rejected')).resolves.toMatchObject({ code: 'EADDRINUSE' })
    await app.waitForStderr(explained)
  })
})

describe('ZERODROP_INHERIT that no predecessor wrote', () => {
  test.each(['garbage', '{"version":2,"generation":2}'])('%p: raised by the first call', async (variable) => {
    const app = await start('server.mjs', ['0'], { ZERODROP_INHERIT: variable })
    await expect(app.exited).resolves.toEqual({ code: 1, signal: null })
    await app.waitForStderr(/ZerodropError: [^]*code: 'ERR_ZERODROP_INHERIT_INVALID'/)
  })

  test('does not affect a program that only imports zerodrop, and is removed from its environment', async () => {
    const app = await start('import.mjs', ['@zerodrop/core', 'import'], { ZERODROP_INHERIT: 'garbage' })
    await expect(app.waitFor('imported')).resolves.toMatchObject({ inherit: null })
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    expect(app.stderr).toBe('')
  })
})

describeLinux('an inherited descriptor that is not what it should be', () => {
  test.each([
    ['closed', /but is no socket[^]*code: 'ERR_ZERODROP_INHERIT_MISMATCH'/],
    ['file', /but is no socket[^]*code: 'ERR_ZERODROP_INHERIT_MISMATCH'/],
    ['listening', /but is tcp:\/\/127\.0\.0\.1:[^]*code: 'ERR_ZERODROP_INHERIT_MISMATCH'/],
    ['connected', /but is no listening socket[^]*code: 'ERR_ZERODROP_INHERIT_MISMATCH'/],
  ])('%s: the new process reports it and exits; its predecessor keeps serving', async (kind, text) => {
    const app = await start('handover.mjs', [kind, `${await freePort()}`])
    const exit = await app.waitFor('exit')
    expect(exit['code']).toBe(1)
    await app.waitForStderr(text)
    await RawClient.connect({ port: exit.port as number }).then((client) => client.close())
  })
})

describeLinux('a deploy with a mistake in it', () => {
  test.each([
    ['an unknown option', async () => ({ options: { drainTimout: 1 } }), 'ERR_ZERODROP_OPTION_UNKNOWN'],
    [
      'a new port that somebody else holds',
      async () => ({ port: await heldPort() }),
      'ERR_ZERODROP_ADDRESS_IN_USE',
    ],
  ])('%s: fails, the process before it serves on, and the next deploy works', async (_what, plan, code) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const planFile = path.join(folder, 'plan.json')
    const port = await freePort()
    const app = await start('server.mjs', [`${port}`, planFile])
    await app.waitFor('listening')

    writeFileSync(planFile, JSON.stringify(await plan()))
    app.signal('SIGHUP')
    await expect(app.waitFor('failed')).resolves.toMatchObject({
      pid: app.pid,
      code: 'ERR_ZERODROP_SUCCESSOR_EXITED',
    })
    const line =
      'restart failed: ERR_ZERODROP_SUCCESSOR_EXITED: The successor \\(generation 2, pid \\d+\\) exited with code 1'
    await app.waitForStderr(new RegExp(`${code}[^]*\\[zerodrop\\] pid ${app.pid}: ${line}`))
    await expect(get(port)).resolves.toBe('1')

    writeFileSync(planFile, '{}')
    app.signal('SIGHUP')
    await app.waitFor(({ event, generation }) => event === 'listening' && generation === 2)
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    await expect(get(port)).resolves.toBe('2')
  })
})

describeLinux('where there is nothing to hand on', () => {
  test('a cluster worker reports it, keeps serving, and still stops', async () => {
    const app = await start('cluster.mjs')
    const { pid, port } = await app.waitFor('listening')
    await expect(get(port as number, '/restart')).resolves.toBe('ERR_ZERODROP_CLUSTER_WORKER')
    app.signal('SIGHUP', pid as number)
    const line = `pid ${pid}: restart failed: ERR_ZERODROP_CLUSTER_WORKER: A cluster worker has no listening socket`
    await app.waitForStderr(new RegExp(`(${line}.*\\s+.*){2}`))
    await expect(get(port as number)).resolves.toBe('here')
    app.signal('SIGTERM', pid as number)
    await app.exitOf(pid as number)
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })

  test('a worker thread reports it, keeps serving, and drains', async () => {
    const app = await start('worker-thread.mjs')
    const { port } = await app.waitFor('listening')
    await expect(get(port as number, '/restart')).resolves.toBe('ERR_ZERODROP_WORKER_THREAD')
    await app.waitForStderr(/restart failed: ERR_ZERODROP_WORKER_THREAD: A worker thread cannot restart/)
    await expect(get(port as number)).resolves.toBe('here')
    await expect(get(port as number, '/stop')).resolves.toBe('here')
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })

  test('the process keeps serving if no code handles the rejection of a restart', async () => {
    const app = await start('unawaited.mjs')
    const { port } = await app.waitFor('listening')
    await app.waitForStderr(/ERR_ZERODROP_NOTHING_TO_HAND_OVER/)
    await expect(get(port as number)).resolves.toBe('here')
  })
})

describeLinux('what fails without anybody looking', () => {
  test.each([
    ['listener', /ERR_ZERODROP_LISTENER_FAILED: .* "listening" rejected/, { event: 'heard' }],
    ['reject', /ERR_ZERODROP_RESTART_IN_PROGRESS/, undefined],
    ['close', undefined, { event: 'closed', message: 'broken on purpose', app: true }],
  ])('leaves no unhandled rejection: %s', async (what, onStderr, said) => {
    const app = await start('nobody-looks.mjs', [what])
    await app.waitFor('over')
    if (onStderr !== undefined) await app.waitForStderr(onStderr)
    const heard = app.lines.filter(({ event }) => event !== 'over')
    expect(heard).toEqual(said === undefined ? [] : [{ pid: app.pid, ...said }])
  })
})

describeLinux('a path', () => {
  test('is inherited like a port', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true, force: true }))
    const app = await start('server.mjs', [path.join(folder, 'app.sock')])
    await app.waitFor('listening')
    app.signal('SIGHUP')
    await app.waitFor(({ event, generation }) => event === 'failed' || generation === 2)
    expect(app.stderr).not.toContain('ERR_ZERODROP')
  })
})

describe('leaves no trace', () => {
  const packages = ['core', 'express', 'koa', 'fastify']
  test.each(['require', 'call'])('%s, and never listen', async (what) => {
    const apps = await Promise.all(packages.map((name) => start('import.mjs', [`@zerodrop/${name}`, what])))
    for (const app of apps) {
      const { before, after, inherit } = await app.waitFor('imported')
      expect([after, inherit]).toEqual([before, null])
      await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
      expect(app.stderr).toBe('')
    }
  })
})

describeLinux('a child of the application', () => {
  test('gets neither the variable nor the descriptors, in any generation', async () => {
    const app = await start('child.mjs', [`${await freePort()}`])
    const first = await app.waitFor('listening')
    app.signal('SIGHUP')
    const second = await app.waitFor(({ generation }) => generation === 2)
    for (const { child } of [first, second]) {
      const lines = child as string[]
      expect(lines).toEqual(expect.arrayContaining([expect.stringContaining('ZERODROP_TEST_APP=')]))
      expect(lines.filter((line) => /^(ZERODROP_INHERIT|NODE_CHANNEL_FD)=/.test(line))).toEqual([])
      // 0 to 2 are its own.
      expect(lines.filter((line) => / ([3-9]|\d\d+) -> socket:/.test(line))).toEqual([])
    }
  })
})
