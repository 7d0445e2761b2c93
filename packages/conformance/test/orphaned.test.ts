import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePort, leftovers, RawClient } from '@zerodrop/traffic'
import type { AppOptions, AppProcess } from '../src/app-process.ts'
import { Deployment, type ServerSpec } from './support/deployment.ts'
import { type Gates, openGates } from './support/gates.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const servers = path.join(__dirname, '../fixtures/restart/servers.mjs')

/** A release that imports zerodrop late: its successors first pass two gates. */
function lateImport(folder: string, gates: Gates): string {
  const script = path.join(folder, 'late.cjs')
  const code = `
    const net = require('node:net')
    const pass = (name) => new Promise((resolve) => {
      const socket = net.connect(${gates.port}, '127.0.0.1').on('error', () => {}).resume().on('close', resolve)
      socket.write(JSON.stringify({ name, pid: process.pid }) + '\\n')
    })
    const isSuccessor = require('node:fs').existsSync(__dirname + '/started')
    require('node:fs').writeFileSync(__dirname + '/started', '')
    const ready = isSuccessor ? pass('one').then(() => pass('two')) : Promise.resolve()
    void ready.then(() => import(${JSON.stringify(pathToFileURL(servers).href)}))
  `
  writeFileSync(script, code)
  return script
}

async function nameOf({ kind, listen }: ServerSpec): Promise<{ pid: number; generation: number }> {
  const { port } = listen as { port: number }
  const client = await RawClient.connect({
    port,
    ...(kind === 'https' && { tls: { rejectUnauthorized: false } }),
  })
  undo.add(() => client.destroy())
  return JSON.parse((await client.request({ timeout: 10_000 })).body.toString()) as {
    pid: number
    generation: number
  }
}

interface Orphan {
  app: AppProcess
  gates: Gates
  spec: ServerSpec
  pidFile: string
  predecessor: number
  pid: number
}

/** A Node program below one that adopts processes whose parent has ended, as number 1 of a container does. */
const adopting: Partial<AppOptions> = {
  execPath: 'python3',
  execArgv: [
    path.join(__dirname, '../fixtures/restart/supervisord'),
    process.execPath,
    path.join(__dirname, '../fixtures/restart/starter.mjs'),
  ],
}

const canAdopt = process.platform === 'linux' && spawnSync('python3', ['-c', 'import ctypes']).status === 0

/** Kills a predecessor before its successor has imported zerodrop, and resolves when that one serves. */
async function orphan(kind: 'http' | 'https', below: Partial<AppOptions> = {}): Promise<Orphan> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(folder, { recursive: true }))
  const pidFile = path.join(folder, 'app.pid')
  const gates = await openGates(undo)
  const spec: ServerSpec = { kind, name: kind, listen: { port: await freePort() } }
  const { app } = await Deployment.start(
    undo,
    { servers: [spec], options: { pidFile } },
    { ...below, file: lateImport(folder, gates) },
  )
  const predecessor = (await app.waitFor('listening')).pid!
  const from = app.lines.length
  app.signal('SIGHUP', predecessor)
  const one = await gates.visit()
  process.kill(predecessor, 'SIGKILL')
  await app.exitOf(predecessor)
  one.open()
  // Between the two gates it has seen that the channel is closed.
  ;(await gates.visit()).open()
  const { pid } = await app.waitFor('listening', { from })
  expect(pid).toBe(one.pid)
  return { app, gates, spec, pidFile, predecessor, pid: one.pid }
}

async function expectSurvival({ app, gates, spec, pidFile, predecessor, pid }: Orphan): Promise<void> {
  await expect(nameOf(spec)).resolves.toMatchObject({ pid, generation: 2 })
  await app.waitForStderr(
    new RegExp(
      `pid ${pid}: the predecessor \\(pid ${predecessor}\\) has died; this process serves in its place`,
    ),
  )
  expect(readFileSync(pidFile, 'utf8').trim()).toBe(`${pid}`)
  const from = app.lines.length
  app.signal('SIGHUP', pid)
  for (const _ of ['one', 'two']) (await gates.visit()).open()
  const next = await app.waitFor('listening', { from })
  await app.exitOf(pid)
  await expect(nameOf(spec)).resolves.toMatchObject({ pid: next.pid, generation: 3 })
  app.signal('SIGTERM', next.pid!)
  await app.exitOf(next.pid!)
  expect(app.stderr.match(/has died/g)).toHaveLength(1)
}

describePosix('a predecessor that dies before its successor imports zerodrop', () => {
  test.each(['http', 'https'] as const)(
    '%s: the successor serves, reports it, is in the pid file, and restarts',
    async (kind) => expectSurvival(await orphan(kind)),
  )
})

const describeAdopted = canAdopt ? describe : describe.skip

describeAdopted('a successor that another program adopts before it imports zerodrop (needs python3)', () => {
  test('does not take that program for one that relies on its pid, and restarts', async () =>
    expectSurvival(await orphan('http', adopting)))
})
