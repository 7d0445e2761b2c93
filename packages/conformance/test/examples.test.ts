import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { startApp } from '../src/app-process.ts'
import type { AppProcess } from '../src/app-process.ts'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { startFakePostgres } from './support/fake-postgres.ts'
import { H2Client } from './support/h2-client.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

async function start(
  name: string,
  env: Record<string, string>,
): Promise<{ app: AppProcess; client: RawClient }> {
  const port = await freePort()
  const app = await startExample(name, port, env)
  const client = await RawClient.connect({ port })
  undo.add(() => client.destroy())
  return { app, client }
}

async function startExample(
  name: string,
  port: number,
  env: Record<string, string> = {},
): Promise<AppProcess> {
  const folder = path.join(__dirname, '../../../examples', name)
  const file = path.join(
    folder,
    readdirSync(folder).find((each) => /^server\.m?js$/.test(each)) ?? 'server.js',
  )
  const app = await startApp({ file, env: { ...env, PORT: String(port) } })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  return app
}

describePosix('the example', () => {
  test.each(['SIGTERM', 'SIGHUP'] as const)(
    'express-pg at %s answers with a row of the database, then closes its pool',
    async (signal) => {
      const database = await startFakePostgres(undo)
      const env = { PGHOST: '127.0.0.1', PGPORT: String(database.port), PGUSER: 'app', PGSSLMODE: 'disable' }
      const { app, client } = await start('express-pg', env)
      const answer = client.request()
      const reply = await database.query()
      app.signal(signal)
      if (signal === 'SIGHUP') await app.waitFor('listening', { from: 1 })
      reply()
      const { status, body } = await answer
      expect([status, body.toString()]).toEqual([200, '{"now":"today"}'])
      await database.terminated
      await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    },
  )

  test.each(['SIGTERM', 'SIGHUP'] as const)('express-pino at %s writes its last line', async (signal) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const log = path.join(folder, 'log')
    const { app, client } = await start('express-pino', { LOG: log })
    expect((await client.request()).status).toBe(200)
    expect(readFileSync(log, 'utf8')).toBe('')
    if (signal === 'SIGTERM') client.destroy()
    app.signal(signal)
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
    const lines = readFileSync(log, 'utf8').trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'said hello',
      'the last line',
    ])
  })

  test.each(['http', 'express-basic', 'koa-basic', 'fastify-basic'])(
    '%s at SIGHUP answers on the same connection from the new process',
    async (name) => {
      const { app, client } = await start(name, {})
      const servedBy = async (): Promise<unknown> =>
        (JSON.parse((await client.request()).body.toString()) as { pid: number }).pid
      expect(await servedBy()).toBe(app.pid)
      app.signal('SIGHUP')
      await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
      expect(await servedBy()).toBe(app.pids().at(-1))
    },
  )

  test('http2 at SIGTERM finishes its streams', async () => {
    const port = await freePort()
    const app = await startExample('http2', port)
    const client = await H2Client.connect(undo, port, false)
    const answer = client.get('/slow')
    // The server answers a ping behind the request: it has read both.
    await new Promise((resolve) => client.session.ping(resolve))
    app.signal('SIGTERM')
    expect(await answer).toMatchObject({ status: 200, body: expect.stringContaining('"generation":1') })
    await client.ended
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })

  test('sse at SIGHUP continues its stream from the new process, and ends it at SIGTERM', async () => {
    const port = await freePort()
    const app = await startExample('sse', port)
    const request = http.get({ port, host: '127.0.0.1' })
    undo.add(() => request.destroy())
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const events = createInterface({ input: response })[Symbol.asyncIterator]()
    const next = async (generation: number): Promise<void> => {
      for (;;) {
        const { value, done } = await events.next()
        if (done === true) throw new Error('the stream has ended')
        if (value === `data: {"generation":${generation}}`) return
      }
    }
    await next(1)
    app.signal('SIGHUP')
    await next(2)
    app.signal('SIGTERM')
    while ((await events.next()).done !== true);
    expect(response.complete).toBe(true)
  })
})

test('examples/README.md lists every example with its command, and each is in a test', () => {
  const folder = path.join(__dirname, '../../../examples')
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  const readme = readFileSync(path.join(folder, 'README.md'), 'utf8')
  const listed = [
    ...readme.matchAll(/^\| \[[\w-]+\]\(([\w-]+)\) \|.*\| `[^`]+` \| \[[\w.-]+\]\(([^)]+)\) \|$/gm),
  ]
  expect(new Set(listed.map(([, name]) => name))).toEqual(new Set(names))
  for (const [, name = '', file = ''] of listed)
    expect(readFileSync(path.join(folder, file), 'utf8')).toContain(name)
})
