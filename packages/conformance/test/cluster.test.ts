import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import { type AppProcess, startApp } from '../src/app-process.ts'
import { type Gates, openGates } from './support/gates.ts'
import { NewConnections } from './support/new-connections.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const clean = { code: 0, signal: null }
const policies = ['round-robin', 'none'] as const

interface Settings {
  policy?: (typeof policies)[number]
  primary?: { configured?: boolean; respawns?: boolean; forwards?: boolean; heldUp?: boolean }
  busy?: number
  path?: string
}

interface Cluster {
  app: AppProcess
  gates: Gates
  port: number
  workers: number[]
}

async function start({ path: file, ...settings }: Settings): Promise<Cluster> {
  const gates = await openGates(undo)
  const port = await freePort()
  const env = {
    ZERODROP_TEST_CLUSTER: JSON.stringify({ at: file ?? String(port), gatePort: gates.port, ...settings }),
  }
  const app = await startApp({ file: path.join(__dirname, '../fixtures/cluster.mjs'), env })
  undo.add(() => app.stop())
  await app.waitFor('serving')
  const workers = app.lines.filter(({ event }) => event === 'worker').map(({ pid }) => pid as number)
  expect(workers).toHaveLength(2)
  return { app, gates, port, workers }
}

/** Clients that each have a request in flight. */
async function hold({ gates, port }: Cluster, count: number) {
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect({ port })))
  for (const client of clients) undo.add(() => client.destroy())
  const answers = Promise.all(clients.map((client) => client.request({ path: '/hold' })))
  answers.catch(() => {})
  const visits = await Promise.all(clients.map(() => gates.visit()))
  return { answers, open: () => visits.forEach((visit) => visit.open()) }
}

/** With what the processes have said of it. */
function expectNone(lost: Record<string, number>, { stderr }: AppProcess): void {
  const said = Object.keys(lost).length > 0 ? stderr : ''
  expect({ lost, said }).toEqual({ lost: {}, said: '' })
}

/** How a cluster is stopped, by its name. */
const stops: Record<string, (cluster: Cluster) => void> = {
  'SIGTERM to the primary': ({ app }) => void process.kill(app.pid, 'SIGTERM'),
  'SIGINT to the process group': ({ app, workers }) => {
    for (const pid of [app.pid, ...workers]) process.kill(pid, 'SIGINT')
  },
  'SIGINT to the process group, the workers first': ({ app, workers }) => {
    for (const pid of [...workers, app.pid]) process.kill(pid, 'SIGINT')
  },
}

const ways = policies.flatMap((policy) => Object.keys(stops).map((way) => [policy, way] as const))

describePosix('a cluster whose primary has zerodrop', () => {
  test.each(ways)('(%s) finishes its requests at %s, and the primary ends last', async (policy, way) => {
    const cluster = await start({ policy, primary: { configured: true } })
    const { app, workers } = cluster
    const held = await hold(cluster, 20)
    stops[way]!(cluster)
    for (const pid of workers) await app.waitFor((line) => line.event === 'draining' && line.pid === pid)
    held.open()
    for (const answer of await held.answers) expect(answer).toMatchObject({ status: 200, closes: true })
    await expect(app.exited).resolves.toEqual(clean)
    expect(await app.waitFor('primary-exit')).toMatchObject({ code: 0, workers: 0 })
    for (const pid of workers) expect(app.isAlive(pid)).toBe(false)
  })

  test.each(ways)('(%s) loses none of 50 clients that connect per request at %s', async (policy, way) => {
    const cluster = await start({ policy, primary: { configured: true }, busy: 0.5 })
    const stream = new NewConnections({ port: cluster.port, host: '127.0.0.1' }, 50)
    await stream.answered(200)
    stops[way]!(cluster)
    const { answered: _answered, refused, ...lost } = await stream.done
    expectNone(lost, cluster.app)
    expect(refused).toBe(50)
    await expect(cluster.app.exited).resolves.toEqual(clean)
  })

  test('loses none of 50 clients when the primary is held up as its workers stop', async () => {
    const { app, port, workers } = await start({
      policy: 'round-robin',
      primary: { configured: true },
      busy: 0.5,
    })
    const stream = new NewConnections({ port, host: '127.0.0.1' }, 50)
    await stream.answered(200)
    process.kill(app.pid, 'SIGSTOP')
    for (const pid of [...workers, app.pid]) process.kill(pid, 'SIGINT')
    for (const pid of workers) await app.waitFor((line) => line.event === 'draining' && line.pid === pid)
    // Several times what a worker takes for the silence of a primary that has nothing left.
    await delay(700)
    process.kill(app.pid, 'SIGCONT')
    const { answered: _answered, refused, ...lost } = await stream.done
    expectNone(lost, app)
    expect(refused).toBe(50)
    await expect(app.exited).resolves.toEqual(clean)
  })

  test.each(policies)(
    '(%s) keeps serving when a worker is stopped, and loses none of 50 clients',
    async (policy) => {
      const cluster = await start({ policy, primary: { configured: true }, busy: 0.5 })
      const { app, port, workers } = cluster
      const stream = new NewConnections({ port, host: '127.0.0.1' }, 50)
      await stream.answered(100)
      process.kill(workers[0]!, 'SIGTERM')
      expect(await app.waitFor('worker-gone')).toMatchObject({ code: 0 })
      await stream.answered(400)
      stops['SIGTERM to the primary']!(cluster)
      const { answered: _answered, refused, ...lost } = await stream.done
      expectNone(lost, app)
      expect(refused).toBe(50)
      await expect(app.exited).resolves.toEqual(clean)
    },
  )

  test("receives a worker's last message before it ends, although Node reports the exit first", async () => {
    // Elsewhere the primary cannot see that a worker is a zombie.
    if (process.platform !== 'linux') return
    const cluster = await start({ primary: { configured: true, heldUp: true } })
    const { app, workers } = cluster
    const held = await hold(cluster, 20)
    held.answers.catch(() => {})
    stops['SIGTERM to the primary']!(cluster)
    for (const pid of workers) await app.waitFor((line) => line.event === 'draining' && line.pid === pid)
    const [one, other] = workers as [number, number]
    process.kill(app.pid, 'SIGWINCH')
    await app.waitFor(({ event, name }) => event === 'held up' && name === 'first')
    process.kill(one, 'SIGKILL')
    // Held up by the end of one, it learns of the exits of both before it reads what the other has sent.
    await app.waitFor(({ event, name }) => event === 'held up' && name === 'second')
    process.kill(other, 'SIGWINCH')
    await app.waitFor('sent')
    process.kill(other, 'SIGKILL')
    await expect(app.exited).resolves.toEqual({ code: 1, signal: null })
    expect(await app.waitFor('primary-exit')).toMatchObject({ workers: 0, words: ['last word'] })
  })

  test('counts no listening socket of the cluster as a server of the primary', async () => {
    const { app } = await start({ primary: { configured: true } })
    expect(await app.waitFor('serving')).toMatchObject({ listeners: 0, state: 'serving' })
    process.kill(app.pid, 'SIGHUP')
    expect(await app.waitFor('restart-failed')).toMatchObject({ code: 'ERR_ZERODROP_CLUSTER_PRIMARY' })
  })

  test('ends although the application forks a worker for each that has ended', async () => {
    const cluster = await start({ primary: { configured: true, respawns: true } })
    const held = await hold(cluster, 4)
    stops['SIGTERM to the primary']!(cluster)
    await cluster.app.waitFor('draining')
    held.open()
    await held.answers
    await expect(cluster.app.exited).resolves.toEqual(clean)
  })

  test('does not force its workers if the application passes the signal on as well', async () => {
    const cluster = await start({ primary: { configured: true, forwards: true } })
    const held = await hold(cluster, 8)
    stops['SIGTERM to the primary']!(cluster)
    for (const pid of cluster.workers)
      await cluster.app.waitFor((line) => line.event === 'draining' && line.pid === pid)
    held.open()
    for (const answer of await held.answers) expect(answer.status).toBe(200)
    await expect(cluster.app.exited).resolves.toEqual(clean)
  })

  test('serves on a Unix socket, even after one of its workers has stopped', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    const file = path.join(folder, 'app.sock')
    const { app, workers } = await start({ primary: { configured: true }, path: file })
    process.kill(workers[0]!, 'SIGTERM')
    await app.waitFor('worker-gone')
    const stream = new NewConnections({ path: file }, 5)
    await stream.answered(20)
    process.kill(app.pid, 'SIGTERM')
    const { answered: _answered, refused, ...lost } = await stream.done
    expect({ lost, refused }).toEqual({ lost: {}, refused: 5 })
    await expect(app.exited).resolves.toEqual(clean)
    expect(existsSync(file)).toBe(false)
  })
})

describePosix('a worker whose primary goes away', () => {
  test.each(
    policies.flatMap((policy) =>
      (['SIGTERM', 'SIGKILL'] as const).map((signal) => [policy, signal] as const),
    ),
  )('(%s) by %s finishes its requests first', async (policy, signal) => {
    const cluster = await start({ policy })
    const { app, workers } = cluster
    const held = await hold(cluster, 20)
    process.kill(app.pid, signal)
    for (const pid of workers) await app.waitFor((line) => line.event === 'draining' && line.pid === pid)
    held.open()
    for (const answer of await held.answers) expect(answer).toMatchObject({ status: 200, closes: true })
    for (const pid of workers) await app.exitOf(pid)
    await expect(app.exited).resolves.toEqual({ code: null, signal })
  })
})
