import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { type AppProcess, startApp } from '../src/app-process.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }

/** A process that stands still until `goOn()` where the kernel has answered its `listen()` or `bind()`. */
async function start(how: string, port: number): Promise<{ app: AppProcess; goOn: () => void }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'go-on')
  const app = await startApp({
    file: path.join(__dirname, '../fixtures/signals/as-it-binds.mjs'),
    args: [String(port), how, file],
  })
  undo.add(() => app.stop())
  return { app, goOn: () => writeFileSync(file, '') }
}

describePosix('a signal at the moment in which a port begins to accept', () => {
  const hosts = ['everywhere', '127.0.0.1', 'localhost']

  test.each(hosts)('SIGTERM drains the server, listening on %s', async (how) => {
    const port = await freePort()
    const { app, goOn } = await start(how, port)
    await app.waitFor('bound')
    const client = await RawClient.connect({ port, host: how === 'everywhere' ? '127.0.0.1' : how })
    undo.add(() => client.destroy())
    const answer = client.request()
    app.signal('SIGTERM')
    goOn()
    await expect(answer).resolves.toMatchObject({ status: 200, closes: true })
    await expect(app.exited).resolves.toEqual(clean)
  })

  test.each(hosts)('SIGHUP restarts, listening on %s', async (how) => {
    const port = await freePort()
    const { app, goOn } = await start(how, port)
    await app.waitFor('bound')
    app.signal('SIGHUP')
    goOn()
    await app.waitFor(({ event, generation }) => event === 'listening' && generation === 2)
    await expect(app.exited).resolves.toEqual(clean)
    const client = await RawClient.connect({ port, host: how === 'everywhere' ? '127.0.0.1' : how })
    undo.add(() => client.destroy())
    const { body } = await client.request()
    expect(body.toString()).toBe('generation 2')
  })

  test('SIGTERM leaves time to answer what a UDP socket has received', async () => {
    const port = await freePort()
    const { app, goOn } = await start('udp', port)
    await app.waitFor('bound')
    const client = dgram.createSocket('udp4')
    undo.add(() => client.close())
    client.connect(port, '127.0.0.1')
    await once(client, 'connect')
    const answer = once(client, 'message')
    await new Promise((resolve) => client.send('hello', resolve))
    app.signal('SIGTERM')
    goOn()
    const [text] = (await answer) as [Buffer]
    expect(text.toString()).toBe('hello')
    await expect(app.exited).resolves.toEqual(clean)
  })
})

describePosix('a port that another process holds', () => {
  const taken = async (): Promise<number> => {
    const port = await freePort()
    const holder = net.createServer().listen(port)
    undo.add(() => holder.close())
    await once(holder, 'listening')
    return port
  }

  test('a signal while it is refused stops the process as any other', async () => {
    const { app, goOn } = await start('everywhere', await taken())
    await app.waitFor('refused')
    app.signal('SIGTERM')
    goOn()
    await app.waitFor('failed')
    await expect(app.exited).resolves.toEqual(clean)
  })
})

describePosix('a signal to a cluster worker that waits for the answer to its listen()', () => {
  const startWorker = async (signal: NodeJS.Signals): Promise<AppProcess> => {
    const file = path.join(__dirname, '../fixtures/signals/worker-listens.mjs')
    const app = await startApp({ file, args: [signal] })
    undo.add(() => app.stop())
    await expect(app.waitFor('asked')).resolves.toMatchObject({ listening: false })
    return app
  }

  test('SIGTERM stops it', async () => {
    const app = await startWorker('SIGTERM')
    await expect(app.waitFor('worker-exit')).resolves.toMatchObject(clean)
  })

  test('SIGHUP is refused, and it serves', async () => {
    const app = await startWorker('SIGHUP')
    await expect(app.waitFor('restart-failed')).resolves.toMatchObject({
      code: 'ERR_ZERODROP_CLUSTER_WORKER',
    })
    await app.waitFor('listening')
  })
})
