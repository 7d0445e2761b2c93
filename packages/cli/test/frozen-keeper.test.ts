import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers, RawClient, startTraffic } from '@zerodrop/traffic'
import { type AppProcess, startApp } from '../../conformance/src/app-process.ts'

const server = path.join(__dirname, 'fixtures/server.mjs')
/** A copy of the keeper as it was when its protocol got version 1. A keeper lives as long as the service, so newer versions of the application run below it. */
const keeper = path.join(__dirname, 'fixtures/frozen-keeper/keeper.cjs')

const undo = leftovers()
afterEach(() => undo.disposeAll())

const describeUnix = process.platform === 'win32' ? describe.skip : describe

async function keep(
  env: Record<string, string> = {},
): Promise<{ app: AppProcess; port: number; deploy: (version: string) => void }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-frozen-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  const deploy = (version: string): void => writeFileSync(path.join(folder, 'version.txt'), version)
  deploy('1')
  const port = await freePort()
  const app = await startApp({
    file: keeper,
    args: [server],
    env: { PORT: String(port), VERSION_FILE: path.join(folder, 'version.txt'), ...env },
  })
  undo.add(() => app.stop())
  await app.waitFor('listening')
  return { app, port, deploy }
}

async function get(port: number, url = '/'): Promise<{ version: string; generation: number }> {
  const client = await RawClient.connect({ port })
  const { body } = await client.request({ path: url, headers: { connection: 'close' } })
  client.destroy()
  return JSON.parse(body.toString()) as never
}

describeUnix('a keeper of an older version', () => {
  test('keeps every request and connection through restarts of newer generations', async () => {
    const { app, port, deploy } = await keep()
    const traffic = startTraffic({ port, keepAliveClients: 10 })
    undo.add(() => traffic.stop())
    for (const version of ['2', '3']) {
      await traffic.after(50)
      deploy(version)
      const from = app.lines.length
      app.signal('SIGHUP', app.pid)
      await app.waitFor('listening', { from })
      await app.waitFor('exit', { from })
    }
    deploy('broken')
    app.signal('SIGHUP', app.pid)
    await app.waitForStderr(/restart failed: ERR_ZERODROP_SUCCESSOR_EXITED/)
    await traffic.after(50)
    const { lost, refused, losses, connections } = await traffic.stop()
    expect({ lost, refused, losses }).toEqual({ lost: 0, refused: 0, losses: [] })
    expect(connections.kept).toBe(connections.clients)
    expect(await get(port)).toMatchObject({ version: '3', generation: 3 })
    app.signal('SIGTERM', app.pid)
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })

  test('starts a generation that crashed again, with its ports open', async () => {
    const { app, port } = await keep({ RESPAWN: '1' })
    await get(port, '/exit?code=1').catch(() => {})
    expect(await get(port)).toMatchObject({ version: '1', generation: 2 })
    app.signal('SIGTERM', app.pid)
    expect(await app.exited).toEqual({ code: 0, signal: null })
  })
})
