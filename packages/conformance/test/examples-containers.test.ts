import { readFileSync } from 'node:fs'
import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { startApp } from '../src/app-process.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const examples = path.join(__dirname, '../../../examples')
const read = (...names: string[]): string => readFileSync(path.join(examples, ...names), 'utf8')

/** A number in a file, by the pattern that stands before it. */
function numberIn(text: string, before: RegExp): number {
  const found = new RegExp(`${before.source}(\\d[\\d_]*)`).exec(text)?.[1]
  if (found === undefined) throw new Error(`no ${before.source}`)
  return Number(found.replaceAll('_', ''))
}

describePosix('examples/docker and examples/kubernetes', () => {
  test('the Dockerfile starts node itself, with a file that is there', () => {
    const command = /^CMD (.*)$/m.exec(read('docker', 'Dockerfile'))?.[1] ?? ''
    const [program, file = ''] = JSON.parse(command) as string[]
    expect(program).toBe('node')
    expect(read('docker', file)).toContain('graceful(')
  })

  test('Docker waits longer than the drain', () => {
    const grace = numberIn(read('docker', 'compose.yaml'), /stop_grace_period: /) * 1000
    expect(grace).toBeGreaterThan(numberIn(read('docker', 'server.js'), /drainTimeout: /))
  })

  test('Kubernetes waits longer than the delay and the drain, and stops sending requests within the delay', () => {
    const manifest = read('kubernetes', 'app.yaml')
    const server = read('kubernetes', 'server.js')
    const delay = numberIn(server, /drainDelay: /)
    const grace = numberIn(manifest, /terminationGracePeriodSeconds: /) * 1000
    expect(grace).toBeGreaterThanOrEqual(delay + numberIn(server, /drainTimeout: /) + 5000)
    const probe = manifest.slice(manifest.indexOf('readinessProbe'), manifest.indexOf('livenessProbe'))
    const noticed = numberIn(probe, /periodSeconds: /) * numberIn(probe, /failureThreshold: /) * 1000
    expect(delay).toBeGreaterThan(noticed)
    // YAML takes none.
    expect(manifest).not.toContain('\t')
  })

  test('the probes of the manifest ask what the server answers', async () => {
    const port = await freePort()
    const app = await startApp({
      file: path.join(examples, 'kubernetes/server.js'),
      env: { PORT: String(port) },
    })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    const paths = [...read('kubernetes', 'app.yaml').matchAll(/path: (\S+),/g)].map(
      ([, found]) => found ?? '',
    )
    expect(new Set(paths)).toEqual(new Set(['/readyz', '/livez']))
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    const statuses: number[] = []
    for (const each of paths) statuses.push((await client.request({ path: each })).status)
    expect(statuses).toEqual(paths.map(() => 200))
  })
})
