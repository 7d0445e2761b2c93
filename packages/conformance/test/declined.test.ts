import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { startApp } from '../src/app-process.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const core = pathToFileURL(path.join(__dirname, '../../core/dist/index.js')).href

/** Whose successor is full for one event loop tick, when it has taken three connections. */
const script = `
import http from 'node:http'
import zerodrop from ${JSON.stringify(core)}
const { lifecycle } = zerodrop
const say = (event, more) => console.log(JSON.stringify({ event, pid: process.pid, ...more }))
const { generation } = lifecycle
lifecycle.events.on('restart:handing-over', () => say('handing-over'))
lifecycle.events.on('restart:complete', (result) => say('complete', { result }))
lifecycle.configure({ lingerTimeout: 100 })
const server = http.createServer((request, response) => response.end(String(generation)))
server.keepAliveTimeout = 60_000
let turn = 'before'
Object.defineProperty(server, 'maxConnections', {
  get() {
    if (generation === 1 || turn === 'over' || server._connections < 3) return undefined
    if (turn === 'before') setImmediate(() => (turn = 'over'))
    turn = 'now'
    return 3
  },
  set() {},
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => say('listening'))
`

describePosix('a connection that the successor declines', () => {
  test('drains, and the later ones move; the declined ones are reported as a number', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const file = path.join(folder, 'server.mjs')
    writeFileSync(file, script)
    const port = await freePort()
    const app = await startApp({ file, args: [`${port}`] })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect({ port })))
    for (const client of clients) undo.add(() => client.destroy())
    await Promise.all(clients.map((client) => client.request()))

    const pid = app.signal('SIGHUP')
    await app.exitOf(pid)
    const { result } = await app.waitFor('complete')
    const { migrated, declined } = result as { migrated: number; declined: number }
    expect(declined).toBeGreaterThan(0)
    // As few as are on their way together.
    expect(declined).toBeLessThanOrEqual(4)
    expect(migrated).toBe(30 - declined)
    await app.waitForStderr(
      new RegExp(
        `^\\[zerodrop\\] pid ${pid}: handed over to generation 2 \\(pid \\d+\\) in \\d+ ms: ${migrated} connections moved, ` +
          `${declined} declined by it and drained here, 0 cut\n$`,
      ),
    )
    const open = clients.filter((client) => client.open)
    expect(open).toHaveLength(migrated)
    for (const client of open) expect((await client.request()).body.toString()).toBe('2')
  })
})
