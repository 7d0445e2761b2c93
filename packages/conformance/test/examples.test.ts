import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startApp } from '../src/app-process.ts'
import type { AppProcess } from '../src/app-process.ts'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { startFakePostgres } from './support/fake-postgres.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

async function start(
  name: string,
  env: Record<string, string>,
): Promise<{ app: AppProcess; client: RawClient }> {
  const port = await freePort()
  const file = path.join(__dirname, '../../../examples', name, 'server.js')
  const app = await startApp({ file, env: { ...env, PORT: String(port) } })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  const client = await RawClient.connect({ port })
  undo.add(() => client.destroy())
  return { app, client }
}

describePosix('the example', () => {
  test.each(['SIGTERM', 'SIGHUP'] as const)(
    'express-pg at %s answers with what the database says, then closes its pool',
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
})
