import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import {
  connectionClient,
  freePort,
  leftovers,
  RawClient,
  startDelayProxy,
  startTraffic,
  TrafficTally,
  Watchers,
} from '@zerodrop/traffic'
import { canReplaceProgram } from './support/keep-pid-host.ts'
import { startRegistry } from './support/local-registry.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const root = path.join(__dirname, '../../..')
const example = path.join(root, 'examples/docker')
const image = `zerodrop-example:${randomUUID()}`
const base = `${image}-base`

/** The folder of the npm on the PATH, which may not be the one of this Node; undefined if it is not npm's own program. */
function npmFolder(): string | undefined {
  const { status, stdout } = spawnSync('which', ['npm'], { encoding: 'utf8' })
  const cli = status === 0 ? realpathSync(stdout.trim()) : ''
  return cli.endsWith('/npm/bin/npm-cli.js') ? path.join(cli, '../..') : undefined
}

function docker(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`docker ${args[0]}: ${stderr}`)
  return stdout.trim()
}

/** Makes an image with node, npm and a shell, to stand in for the one that the Dockerfile names. Returns why it cannot. */
function makeBase(): string | undefined {
  if (!canReplaceProgram) return 'Node 22.15 on Linux'
  if (spawnSync('docker', ['version']).status !== 0) return 'a Docker engine'
  const npmFiles = npmFolder()
  if (npmFiles === undefined) return 'npm'
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-docker-'))
  try {
    const npm = path.join(folder, 'npm')
    writeFileSync(npm, '#!/bin/sh\nexec node /usr/local/lib/node_modules/npm/bin/npm-cli.js "$@"\n')
    chmodSync(npm, 0o755)
    const copies = [`${npm}=/usr/local/bin/npm`, `${npmFiles}=/usr/local/lib/node_modules/npm`]
    const script = path.join(root, 'scripts/docker-image.mjs')
    const made = spawnSync(process.execPath, [script, base, ...copies], { encoding: 'utf8' })
    return made.status === 0 ? undefined : `a Docker engine: ${made.stderr.trim().split('\n').at(-1)}`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const missing = makeBase()
const describeDocker = missing === undefined ? describe : describe.skip

/** Builds the example as it is, but for the image that it starts from and the registry of npm. */
async function build(): Promise<void> {
  const registry = await startRegistry(undo, example)
  const context = mkdtempSync(path.join(tmpdir(), 'zerodrop-docker-'))
  undo.add(() => rmSync(context, { recursive: true }))
  cpSync(example, context, { recursive: true })
  const dockerfile = path.join(context, 'Dockerfile')
  const here = `FROM ${base}\nENV npm_config_registry=${registry} npm_config_update_notifier=false`
  writeFileSync(dockerfile, readFileSync(dockerfile, 'utf8').replace(/^FROM node:\S+$/m, here))
  const child = spawn('docker', ['build', '--network', 'host', '--tag', image, context], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  undo.add(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const [status] = (await once(child, 'close')) as [number]
  if (status !== 0) throw new Error(output)
}

/** Runs an image and follows what it prints. */
function runContainer(port: number) {
  const name = `zerodrop-${randomUUID()}`
  // A container that cannot start stays, too.
  undo.add(() => docker('rm', '--force', name))
  const id = docker('run', '--detach', '--name', name, '--network', 'host', '--env', `PORT=${port}`, image)
  const lines: string[] = []
  const watchers = new Watchers(() => lines.join('\n'))
  const logs = spawn('docker', ['logs', '--follow', id], { stdio: ['ignore', 'pipe', 'pipe'] })
  undo.add(() => logs.kill('SIGKILL'))
  for (const input of [logs.stdout, logs.stderr])
    createInterface({ input }).on('line', (line) => {
      lines.push(line)
      watchers.poll()
    })
  logs.once('close', () => watchers.end('the container ended'))
  return {
    id,
    /** Resolves when so many of its lines match. */
    printed: (pattern: RegExp, count = 1): Promise<boolean> =>
      watchers.until(
        `${count} times ${pattern}`,
        () => lines.filter((line) => pattern.test(line)).length >= count || undefined,
        60_000,
      ),
    inspect: (format: string): string => docker('inspect', '--format', format, id),
  }
}

/** Clients that connect for each request. */
function startNewConnections(port: number) {
  const tally = new TrafficTally<'connection'>(['connection'])
  const stopping = new AbortController()
  const job = {
    next: () => ({
      request: { path: '/', headers: { connection: 'close' } },
      problem: ({ status }: { status: number }) => (status === 200 ? undefined : `${status}`),
    }),
  }
  const run = {
    tally: tally.kind('connection'),
    stop: stopping.signal,
    timeout: 15_000,
    think: () => Promise.resolve(),
  }
  const clients = connectionClient(job, () => RawClient.connect({ port }), run)
  return async () => {
    stopping.abort()
    await clients
    tally.close()
    return tally.report()
  }
}

describeDocker(`examples/docker in a container (needs ${missing ?? 'a Docker engine'})`, () => {
  afterAll(() => docker('rmi', '--force', image, base))

  test('builds, restarts under load and stops without losing a request', async () => {
    await build()
    const port = await freePort()
    const container = runContainer(port)
    await container.printed(/"listening"/)
    const started = container.inspect('{{.State.StartedAt}} {{.State.Pid}}')
    const proxy = await startDelayProxy({ targetPort: port, roundTrip: 30 })
    undo.add(() => proxy.close())
    const clients = { keepAliveClients: 0, connectionClients: 0, slowClients: 20, uploadClients: 0 }
    const traffic = startTraffic({ port: proxy.port, ...clients, paths: { slow: '/' } })
    undo.add(() => traffic.stop())
    const stopNew = startNewConnections(port)
    undo.add(stopNew)
    await traffic.after(100)
    for (const restart of [1, 2]) {
      docker('kill', '--signal', 'HUP', container.id)
      await container.printed(/handed over to generation/, restart)
      // Until process 1 is the keeper, a signal is lost.
      await container.printed(/is the keeper from now on/)
      await traffic.after(100)
    }
    const { lost, refused, losses, connections } = await traffic.stop()
    expect({ lost, refused, losses }).toEqual({ lost: 0, refused: 0, losses: [] })
    expect(connections.kept).toBe(connections.clients)
    expect(await stopNew()).toMatchObject({ lost: 0, refused: 0 })
    expect(container.inspect('{{.State.StartedAt}} {{.State.Pid}}')).toBe(started)
    docker('stop', container.id)
    expect(container.inspect('{{.State.ExitCode}}')).toBe('0')
  }, 300_000)
})
