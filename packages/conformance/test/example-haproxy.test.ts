import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers, startTraffic } from '@zerodrop/traffic'
import { accepts, describeWith } from './support/reverse-proxy.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const example = path.join(__dirname, '../../../examples/haproxy')

const describeIfAll =
  spawnSync('curl', ['--version']).error === undefined ? describeWith('haproxy') : describe.skip

describeIfAll('the example haproxy', () => {
  test('rolls both servers under load, and no request fails', async () => {
    const run = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(run, { recursive: true }))
    const [port, first, second] = await Promise.all([freePort(), freePort(), freePort()])
    const env = {
      ...process.env,
      RUN: run,
      PORT: String(port),
      PORT_A: String(first),
      PORT_B: String(second),
    }
    undo.add(() => {
      for (const each of [first, second]) {
        const file = path.join(run, `${each}.pid`)
        if (existsSync(file)) process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL')
      }
    })
    const roll = async (version: string): Promise<void> => {
      const child = spawn('sh', [path.join(example, 'roll.sh'), String(first), String(second)], {
        env: { ...env, VERSION: version },
        stdio: 'ignore',
      })
      expect(await once(child, 'exit')).toEqual([0, null])
    }
    await roll('1')
    const haproxy = spawn('haproxy', ['-db', '-f', path.join(example, 'haproxy.cfg')], {
      env,
      stdio: 'ignore',
    })
    undo.add(async () => {
      if (haproxy.exitCode !== null) return
      haproxy.kill('SIGTERM')
      await once(haproxy, 'exit')
    })
    while (!(await accepts(port))) expect(haproxy.exitCode).toBeNull()
    const traffic = startTraffic({
      port,
      keepAliveClients: 10,
      connectionClients: 2,
      slowClients: 0,
      uploadClients: 2,
    })
    undo.add(() => traffic.stop())
    await traffic.after(100)
    await roll('2')
    await traffic.after(100)
    const { lost, refused, losses, versions } = await traffic.stop()
    expect({ lost, refused, losses, versions }).toEqual({
      lost: 0,
      refused: 0,
      losses: [],
      versions: ['1', '2'],
    })
  }, 60_000)
})
