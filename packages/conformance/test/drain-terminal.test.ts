import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { leftovers, RawClient } from '@zerodrop/traffic'
import { clean, ProtocolSite } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** Below the deadline of the drain. */
const linger = 9000
// A terminal is made by Python, which most machines have: Node cannot.
const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0
const describeTerminal = hasPython ? describePosix : describe.skip

describeTerminal('SIGINT from a terminal (needs python3), with an idle connection open', () => {
  test('ends at once', async () => {
    const fixture = path.join(__dirname, '../fixtures/protocols/terminal.mjs')
    const script = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'
    const child = spawn('python3', ['-c', script, process.execPath, fixture, String(linger)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    undo.add(() => child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout })
    const [line] = (await once(lines, 'line')) as [string]
    const client = await RawClient.connect({ port: Number(line) })
    undo.add(() => client.destroy())
    await expect(client.request()).resolves.toMatchObject({ status: 200, closes: false })
    const begun = performance.now()
    // What the terminal makes of it is Ctrl-C.
    child.stdin.write('\u0003')
    await expect(client.ended).resolves.toBe('fin')
    await expect(once(child, 'exit')).resolves.toEqual([0, null])
    expect(performance.now() - begun).toBeLessThan(linger / 2)
  })
})

describePosix('SIGINT from anywhere else, with an idle connection open', () => {
  test('lingers', async () => {
    const site = await ProtocolSite.start(undo, 'node', { options: { lingerTimeout: 1000 } })
    const client = await site.connect()
    await client.request()
    const begun = performance.now()
    site.app.signal('SIGINT')
    await expect(client.ended).resolves.toBe('fin')
    expect(performance.now() - begun).toBeGreaterThan(950)
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})
