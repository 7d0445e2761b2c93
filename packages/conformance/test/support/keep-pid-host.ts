import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { LifecycleOptions } from '@zerodrop/core'
import { freePort, type Leftovers, RawClient, Watchers } from '@zerodrop/traffic'
import { familyOf, lookUp, type ProcessEntry } from '../../src/process-table.ts'
import type { Host } from './keep-pid-hosts.ts'

export const server: string = path.join(__dirname, '../../fixtures/keep-pid/server.mjs')
const cli = path.join(__dirname, '../../../cli/dist/main.js')

export const canReplaceProgram: boolean = 'execve' in process && process.platform === 'linux'

/** What becomes of the first process at a restart: it ends, it becomes the keeper, or it has been one from the start. */
export type Way = 'plain' | 'lazy keeper' | 'zerodrop run'

/** A line of JSON that the server printed. */
export interface Line {
  readonly event: string
  /** In the name space of the server. */
  readonly pid: number
  readonly version: string
  readonly text?: string
}

/** A server that somebody hosts who relies on its pid. */
export interface KeepPidHost {
  readonly host: ChildProcess
  readonly port: number
  /** Of the first process, as it is seen from here. */
  readonly pid: number
  /** The exit status of the host. */
  readonly ended: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>
  readonly stderr: string
  deploy(version: string, options?: LifecycleOptions): void
  /** Deploys, signals, and resolves when the old version has ended. */
  restart(version: string): Promise<void>
  /** Signals the process that the host wants signalled: for a plain host, the serving process. */
  signal(signal: NodeJS.Signals): void
  /** Ends it by SIGTERM. Resolves with the exit status of the host. */
  stop(): KeepPidHost['ended']
  /** The first line of this kind, printed already or later. */
  heard(matches: (line: Line) => boolean): Promise<Line>
  heardOnStderr(pattern: RegExp): Promise<RegExpExecArray>
  /** Lets requests for `/hold` have their answer. */
  release(): void
  get(url?: string): Promise<Record<string, unknown>>
  /** Resolves when nothing is left but who holds the pid and who serves, with whether the pid is held by whom it was. */
  isSame(): Promise<boolean>
}

export interface KeepPidSettings {
  readonly options?: LifecycleOptions
  readonly env?: Readonly<Record<string, string>>
  /** @default 'lazy keeper' */
  readonly way?: Way
}

/** Starts the server under a host, or by a command, and resolves when it listens. */
export async function startKeepPid(
  undo: Leftovers,
  host: Pick<Host, 'wrap' | 'below' | 'signals' | 'refusal'> | readonly string[],
  { options = {}, env: own = {}, way = 'lazy keeper' }: KeepPidSettings = {},
): Promise<KeepPidHost> {
  const {
    wrap,
    below = tmpdir(),
    signals,
    refusal,
  }: Partial<Host> = 'wrap' in host ? host : { wrap: () => host }
  const folder = mkdtempSync(path.join(below, 'zerodrop-'))
  undo.add(() => rmSync(folder, { recursive: true }))
  const run = way === 'zerodrop run' ? [cli, 'run', '--control', path.join(folder, 'control.sock')] : []
  const words = [process.execPath, ...run, server]
  const scripts = { start: words.map((word) => `'${word}'`).join(' ') }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'app', scripts }))
  const port = await freePort()
  const file = path.join(folder, 'deploy.json')
  const keepPid = way === 'plain' ? { keepPid: false } : {}
  const deploy = (version: string, newer: LifecycleOptions = {}): void =>
    writeFileSync(file, JSON.stringify({ version, port, options: { ...keepPid, ...options, ...newer } }))
  deploy('1')
  const id = randomUUID()
  const env = {
    ZERODROP_TEST_DEPLOY: file,
    ZERODROP_TEST_APP: id,
    // A line of progress would mix with what the server prints.
    NO_COLOR: '1',
    ...own,
  }
  const [program, ...args] = wrap!({ words, folder, port, env, way })
  const child = spawn(program!, args, {
    cwd: folder,
    env: { ...environment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  undo.add(async () => {
    // systemd's box cleans up when it is asked to end.
    child.kill(signals === 'lines' ? 'SIGTERM' : 'SIGKILL')
    if (signals === 'lines') await ended
    for (const { pid } of familyOf(`ZERODROP_TEST_APP=${id}`)) endProcess(pid)
  })
  const lines: Line[] = []
  let stderr = ''
  const watchers = new Watchers(() => `${lines.map((line) => JSON.stringify(line)).join('\n')}\n${stderr}`)
  createInterface({ input: child.stdout }).on('line', (text) => {
    if (!text.startsWith('{')) stderr += `${text}\n`
    else lines.push(JSON.parse(text) as Line)
    watchers.poll()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    watchers.poll()
  })
  child.once('close', (code) => watchers.end(`the host ended with ${code}`))
  const ended: KeepPidHost['ended'] = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve([code, signal]))
  })
  const heard = (matches: (line: Line) => boolean): Promise<Line> =>
    watchers.until(matches.toString(), () => lines.find(matches), 30_000)
  await heard(({ event }) => event === 'listening')
  const family = (): ProcessEntry[] =>
    signals === 'lines'
      ? // Beside them a server may ask systemd for a property of its unit.
        familyOf(`ZERODROP_TEST_UNIT=${id}`).filter(({ pid }) => runsServer(pid))
      : familyOf(`ZERODROP_TEST_APP=${id}`)
  const chain = family()
  const leaf = chain.find(({ pid }) => !chain.some(({ parent }) => parent === pid))!
  const parentOf = (entry: ProcessEntry): ProcessEntry => chain.find(({ pid }) => pid === entry.parent)!
  /** The process whose pid others know. */
  const first = way === 'zerodrop run' ? parentOf(leaf) : leaf
  const processes = chain.length + (way === 'lazy keeper' ? 1 : 0)
  const commands: Partial<Record<NodeJS.Signals, string>> = {
    SIGHUP: 'systemctl reload app',
    SIGTERM: 'systemctl stop app',
  }
  const signal = (name: NodeJS.Signals): void => {
    if (signals === 'lines') child.stdin.write(`${commands[name]}\n`)
    else if (signals === 'the parent') process.kill(parentOf(first).pid, name)
    // Its pid changes. The pid that it has printed is valid here, because there is no other pid namespace.
    else process.kill(way === 'plain' && refusal === undefined ? newest().pid : first.pid, name)
  }
  const newest = (): Line => lines.findLast(({ event }) => event === 'listening')!
  return {
    host: child,
    port,
    pid: first.pid,
    ended,
    get stderr() {
      return stderr
    },
    deploy,
    async restart(version) {
      const before = newest()
      deploy(version)
      signal('SIGHUP')
      await heard((line) => line.event === 'listening' && line.version === version)
      await heard((line) => line.event === 'exit listener' && line.pid === before.pid)
      if (way === 'lazy keeper') await heard(({ event }) => event === 'keeper')
    },
    signal,
    async stop() {
      const { pid } = newest()
      signal('SIGTERM')
      // A shell at which a person types has seen the first process end long since.
      if (way === 'plain' && refusal === undefined && signals === undefined)
        await heard((line) => line.event === 'exit listener' && line.pid === pid)
      return ended
    },
    heard,
    heardOnStderr: (pattern) =>
      watchers.until(`stderr ${pattern}`, () => pattern.exec(stderr) ?? undefined, 30_000),
    release: () => writeFileSync(path.join(folder, 'release'), ''),
    async get(url = '/') {
      const client = await RawClient.connect({ port })
      const { body } = await client.request({ path: url, headers: { connection: 'close' } })
      client.destroy()
      return JSON.parse(body.toString()) as Record<string, unknown>
    },
    async isSame() {
      const deadline = performance.now() + 30_000
      while (family().length !== processes && performance.now() < deadline) await delay(20)
      return (
        family().length === processes && (way === 'plain' || lookUp(first.pid)?.started === first.started)
      )
    },
  }
}

/** Without what jest and npm put there. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_ENV|NODE_OPTIONS|NODE_CHANNEL|JEST_|ZERODROP_)/i.test(name),
  )
  return Object.fromEntries(kept)
}

function runsServer(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(server)
  } catch {
    return false
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone, as it should be.
  }
}
