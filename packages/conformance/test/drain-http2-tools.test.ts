import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { leftovers } from '@zerodrop/traffic'
import { clean, ProtocolSite } from './support/protocol-site.ts'
import type { Transport } from './support/protocol-site.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const transports: Transport[] = ['h2', 'h2c']
const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0
const describeNghttp = has('nghttp') ? describePosix : describe.skip
const describeH2load = has('h2load') ? describePosix : describe.skip

describeNghttp('nghttp (needs the Debian package nghttp2-client), its server told to stop', () => {
  test.each(transports)('over %s gets its answer', async (transport) => {
    const site = await ProtocolSite.start(undo, 'node', { transport })
    const output = run('nghttp', ['-nv', '--no-dep', `${urlOf(site)}/hold`])
    const visit = await site.gates.visit()
    await site.drain()
    visit.open()
    const text = await output
    expect(text).toContain(':status: 200')
    const lastStreams = [...text.matchAll(/recv GOAWAY[^]*?last_stream_id=(\d+)/g)].map(([, id]) =>
      Number(id),
    )
    expect(lastStreams[0]).toBe(2 ** 31 - 1)
    await expect(site.app.exited).resolves.toEqual(clean)
  })
})

describeH2load('h2load (needs the Debian package nghttp2-client), its server told to stop', () => {
  test.each(transports)('over %s gets every answer that the application gave', async (transport) => {
    const site = await ProtocolSite.start(undo, 'node', { transport })
    const output = run('h2load', ['-n', '1000000', '-c', '20', '-m', '10', `${urlOf(site)}/count`])
    await site.app.waitFor('busy')
    site.app.signal('SIGTERM')
    const text = await output
    await expect(site.app.exited).resolves.toEqual(clean)
    const { counted } = await site.app.waitFor('counted')
    // What it began and could not send any more, or over TLS was refused, never came to the application.
    const [, started, done, succeeded] = /(\d+) started, (\d+) done, (\d+) succeeded/.exec(text) ?? []
    expect(Number(started)).toBeGreaterThanOrEqual(1000)
    expect(done).toBe(started)
    expect(Number(succeeded)).toBe(counted)
    expect(site.app.stderr).toContain(' 0 cut')
  })
})

function urlOf({ port, secure }: ProtocolSite): string {
  return `${secure ? 'https' : 'http'}://127.0.0.1:${port}`
}

/** Runs a program to its end; resolves with all that it printed. */
async function run(program: string, args: string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  undo.add(() => child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await once(child, 'close')
  return text
}
