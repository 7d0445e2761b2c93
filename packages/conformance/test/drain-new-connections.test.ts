import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers } from '@zerodrop/traffic'
import { startApp } from '../src/app-process.ts'
import { NewConnections, type Target } from './support/new-connections.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const fixtures = path.join(__dirname, '../fixtures')
const ca = readFileSync(path.join(fixtures, 'tls/cert.pem'))

type Kind = 'http' | 'https' | 'unix' | 'abstract'

async function targetOf(kind: Kind): Promise<{ at: string; target: Target }> {
  if (kind === 'http' || kind === 'https') {
    const port = await freePort()
    return { at: String(port), target: { port, host: '127.0.0.1', ...(kind === 'https' && { ca }) } }
  }
  if (kind === 'abstract')
    return { at: `@zerodrop-${process.pid}`, target: { path: `\0zerodrop-${process.pid}` } }
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'app.sock')
  return { at: file, target: { path: file } }
}

describePosix('a stop under a stream of new connections', () => {
  test.each<[clients: number, kind: Kind]>([
    [24, 'http'],
    [100, 'http'],
    [300, 'http'],
    [24, 'https'],
    [100, 'https'],
    [24, 'unix'],
    [300, 'unix'],
    [100, 'abstract'],
  ])('resets none of %i clients that connect per request over %s', async (clients, kind) => {
    const { at, target } = await targetOf(kind)
    const app = await startApp({ file: path.join(fixtures, 'busy.mjs'), args: [kind, at] })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    const stream = new NewConnections(target, clients)
    await stream.answered(2 * clients)
    app.signal('SIGTERM')
    const { answered, refused, ...lost } = await stream.done
    expect(lost).toEqual({})
    expect(refused).toBe(clients)
    expect(answered).toBeGreaterThanOrEqual(2 * clients)
    await expect(app.exited).resolves.toEqual({ code: 0, signal: null })
  })
})
