import { readFileSync } from 'node:fs'
import path from 'node:path'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { parseAllDocuments } from 'yaml'
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

/** The documents of a YAML file. A document with a mistake, such as a field that is there twice, throws. */
function documents<Shape>(...names: string[]): Shape[] {
  return parseAllDocuments(read(...names), { strict: true }).map((document) => {
    for (const problem of [...document.errors, ...document.warnings]) throw problem
    return document.toJS() as Shape
  })
}

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly stop_grace_period: string; readonly ports: string[] }>
  >
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
  readonly periodSeconds: number
  readonly failureThreshold: number
}

interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
  readonly startupProbe: Probe
}

interface Deployment {
  readonly kind: 'Deployment'
  readonly spec: {
    readonly selector: { readonly matchLabels: object }
    readonly strategy: {
      readonly rollingUpdate: { readonly maxSurge: number; readonly maxUnavailable: number }
    }
    readonly template: {
      readonly metadata: { readonly labels: object }
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly containers: readonly [Container]
      }
    }
  }
}

interface Service {
  readonly kind: 'Service'
  readonly spec: { readonly selector: object; readonly ports: readonly { readonly targetPort: string }[] }
}

const manifests = documents<Deployment | Service>('kubernetes', 'app.yaml')
const deployment = manifests.find((each) => each.kind === 'Deployment')!
const service = manifests.find((each) => each.kind === 'Service')!
const [container] = deployment.spec.template.spec.containers
const probes = [container.readinessProbe, container.livenessProbe, container.startupProbe]

describePosix('examples/docker and examples/kubernetes', () => {
  test('the Dockerfile starts node itself, with a file that is there', () => {
    const command = /^CMD (.*)$/m.exec(read('docker', 'Dockerfile'))?.[1] ?? ''
    const [program, file = ''] = JSON.parse(command) as string[]
    expect(program).toBe('node')
    expect(read('docker', file)).toContain('graceful(')
  })

  test('Docker waits longer than the drain', () => {
    const [compose] = documents<Compose>('docker', 'compose.yaml')
    const grace = numberIn(compose!.services['app']!.stop_grace_period, /^/) * 1000
    expect(grace).toBeGreaterThan(numberIn(read('docker', 'server.js'), /drainTimeout: /))
  })

  test('Docker publishes the port that the server listens on', () => {
    const [compose] = documents<Compose>('docker', 'compose.yaml')
    const port = numberIn(read('docker', 'Dockerfile'), /PORT=/)
    expect(numberIn(read('docker', 'Dockerfile'), /EXPOSE /)).toBe(port)
    expect(compose!.services['app']!.ports).toEqual([`127.0.0.1:${port}:${port}`])
  })

  test('Kubernetes waits longer than the delay and the drain, and stops sending requests within the delay', () => {
    const { spec } = deployment.spec.template
    const server = read('kubernetes', 'server.js')
    const delay = numberIn(server, /drainDelay: /)
    const grace = spec.terminationGracePeriodSeconds * 1000
    expect(grace).toBeGreaterThanOrEqual(delay + numberIn(server, /drainTimeout: /) + 5000)
    const { periodSeconds, failureThreshold } = container.readinessProbe
    expect(delay).toBeGreaterThan(periodSeconds * failureThreshold * 1000)
  })

  test('the Deployment, its pods and the Service belong together', () => {
    const { labels } = deployment.spec.template.metadata
    expect(deployment.spec.selector.matchLabels).toEqual(labels)
    expect(service.spec.selector).toEqual(labels)
    const [port] = container.ports
    expect(service.spec.ports.map(({ targetPort }) => targetPort)).toEqual([port!.name])
    for (const { httpGet } of probes) expect(httpGet.port).toBe(port!.name)
    expect(port!.containerPort).toBe(numberIn(read('kubernetes', 'server.js'), /process\.env\.PORT \?\? /))
  })

  test('a rolling update starts a pod before it stops one', () => {
    const { maxSurge, maxUnavailable } = deployment.spec.strategy.rollingUpdate
    expect(maxSurge).toBeGreaterThan(0)
    expect(maxUnavailable).toBe(0)
  })

  test('the probes of the manifest ask what the server answers', async () => {
    const port = await freePort()
    const app = await startApp({
      file: path.join(examples, 'kubernetes/server.js'),
      env: { PORT: String(port) },
    })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    const paths = probes.map(({ httpGet }) => httpGet.path)
    expect(paths).toEqual(['/readyz', '/livez', '/livez'])
    const client = await RawClient.connect({ port })
    undo.add(() => client.destroy())
    const statuses: number[] = []
    for (const each of paths) statuses.push((await client.request({ path: each })).status)
    expect(statuses).toEqual(paths.map(() => 200))
  })
})
