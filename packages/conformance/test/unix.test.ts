import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type AppProcess, startApp } from '../src/app-process.ts'
import { leftovers } from '@zerodrop/traffic'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(made, { recursive: true, force: true }))
  return made
}

async function start(kind: string, file: string): Promise<AppProcess> {
  const app = await startApp({ file: path.join(__dirname, '../fixtures/unix.mjs'), args: [kind, file] })
  undo.add(() => app.stop())
  return app
}

function get(socketPath: string): Promise<{ pid: number; generation: number }> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk) => (body += chunk)).on('end', () => resolve(JSON.parse(body)))
    })
    request.on('error', reject)
  })
}

describePosix.each(['http', 'fastify'])('a Unix socket of %s', (kind) => {
  test('serves on its path in every generation, and is gone after the last', async () => {
    const file = path.join(folder(), 'app.sock')
    const app = await start(kind, file)
    const { address } = await app.waitFor('listening')
    expect(address).toContain(file)
    const { ino } = statSync(file)
    for (const generation of [2, 3]) {
      const from = app.lines.length
      const before = app.signal('SIGHUP')
      await expect(app.waitFor('listening', { from })).resolves.toMatchObject({ generation, address })
      await expect(get(file)).resolves.toHaveProperty('pid')
      await app.exitOf(before)
      await expect(get(file)).resolves.toMatchObject({ generation })
      expect(statSync(file).ino).toBe(ino)
    }
    const last = app.signal('SIGTERM')
    await app.exitOf(last)
    expect(readdirSync(path.dirname(file))).toEqual([])
  })

  test('replaces the socket file that a crash has left', async () => {
    const file = path.join(folder(), 'app.sock')
    const first = await start(kind, file)
    await first.waitFor('listening')
    first.signal('SIGKILL')
    await first.exited
    expect(statSync(file).isSocket()).toBe(true)
    const second = await start(kind, file)
    await second.waitFor('listening')
    await expect(get(file)).resolves.toEqual({ pid: second.pid, generation: 1 })
  })
})

describePosix('a Unix socket', () => {
  test('stays if a successor that has served on it gives up', async () => {
    const file = path.join(folder(), 'app.sock')
    const app = await start('never-ready', file)
    await app.waitFor('listening')
    const { ino } = statSync(file)
    app.signal('SIGHUP')
    const { pid } = await app.waitFor(({ event, generation }) => event === 'listening' && generation === 2)
    await app.waitFor('restart-failed')
    await app.exitOf(pid as number)
    expect(statSync(file).ino).toBe(ino)
    await expect(get(file)).resolves.toEqual({ pid: app.pid, generation: 1 })
    app.signal('SIGTERM')
    await app.exited
    expect(readdirSync(path.dirname(file))).toEqual([])
  })

  test('keeps the permissions that the application has set', async () => {
    const file = path.join(folder(), 'app.sock')
    await (await start('http', file)).waitFor('listening')
    expect(statSync(file).mode & 0o777).toBe(0o777)
  })

  test('is not taken from a process that serves on it', async () => {
    const file = path.join(folder(), 'app.sock')
    const first = await start('http', file)
    await first.waitFor('listening')
    const second = await start('http', file)
    await expect(second.waitFor('refused')).resolves.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringContaining(file),
    })
    await second.waitForStderr(/ERR_ZERODROP_ADDRESS_IN_USE/)
    await expect(get(file)).resolves.toEqual({ pid: first.pid, generation: 1 })
  })

  test.each(['free', 'stale'])(
    'that is %s is had by one of two processes that start together',
    async (state) => {
      for (let round = 0; round < 5; round += 1) {
        const file = path.join(folder(), 'app.sock')
        if (state === 'stale') {
          const crashed = await start('http', file)
          await crashed.waitFor('listening')
          crashed.signal('SIGKILL')
          await crashed.exited
        }
        const apps = [await start('together', file), await start('together', file)]
        for (const app of apps) await app.waitFor('waits')
        writeFileSync(`${file}.go`, '')
        const isOutcome = ({ event }: { event: string }): boolean =>
          event === 'listening' || event === 'refused'
        const outcomes = await Promise.all(apps.map((app) => app.waitFor(isOutcome)))
        expect(outcomes.map(({ event }) => event).sort()).toEqual(['listening', 'refused'])
        expect(outcomes.find(({ event }) => event === 'refused')).toMatchObject({ code: 'EADDRINUSE' })
        const winner = outcomes.find(({ event }) => event === 'listening')
        await expect(get(file)).resolves.toMatchObject({ pid: winner?.pid })
      }
    },
    60_000,
  )

  test('in the kernel only is inherited too', async () => {
    if (process.platform !== 'linux') return
    const file = `\0zerodrop-${process.pid}`
    const app = await startApp({
      file: path.join(__dirname, '../fixtures/unix-abstract.mjs'),
      args: [file.slice(1)],
    })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    const from = app.lines.length
    const before = app.signal('SIGHUP')
    await app.waitFor('listening', { from })
    await app.exitOf(before)
    await expect(get(file)).resolves.toMatchObject({ generation: 2 })
  })
})
