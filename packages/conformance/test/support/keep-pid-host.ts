import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { LifecycleOptions } from '@zerodrop/core'
import { freePort, type Leftovers, RawClient, Watchers } from '@zerodrop/traffic'
import { familyOf, lookUp } from '../../src/process-table.ts'

const fixtures = path.join(__dirname, '../../fixtures/keep-pid')
export const server: string = path.join(fixtures, 'server.mjs')

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
  /** Lets the answers to `GET /hold` go, now and from now on. */
  release(): void
  /** Deploys, signals the first process, and resolves when the old version has ended. */
  restart(version: string): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** The first line of this kind, of those said so far and those to come. */
  heard(matches: (line: Line) => boolean): Promise<Line>
  heardOnStderr(pattern: RegExp): Promise<RegExpExecArray>
  get(url?: string): Promise<Record<string, unknown>>
  /** Resolves when no process is left beside the first one and the one that serves, with whether the first is what it was. */
  isSame(): Promise<boolean>
}

/** Makes a process number 1 of a name space of its own, as a container does. */
export const isolated: readonly string[] = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']

export const canIsolate: boolean = spawnSync(isolated[0]!, [...isolated.slice(1), 'true']).status === 0
export const hasTini: boolean = spawnSync('tini', ['--version']).status === 0
export const hasPython: boolean = spawnSync('python3', ['-c', 'import pty']).status === 0
export const canReplaceProgram: boolean = 'execve' in process && process.platform === 'linux'

/** Runs a program on a terminal of its own, made by Python: Node cannot. */
export const terminal: readonly string[] = ['python3', path.join(fixtures, 'terminal.py')]

/** Who relies on the pid, and how they start the server; undefined where that cannot be tried. */
export const hosts: readonly { name: string; needs: string; command: readonly string[] | undefined }[] = [
  {
    name: 'number 1 of a container',
    needs: 'unshare',
    command: canIsolate ? [...isolated, process.execPath, server] : undefined,
  },
  {
    name: 'the only child of a shell that is number 1',
    needs: 'unshare',
    command: canIsolate
      ? [...isolated, '/bin/sh', '-c', `'${process.execPath}' '${server}'; exit $?`]
      : undefined,
  },
  {
    name: 'the child of tini',
    needs: 'unshare and tini',
    command: canIsolate && hasTini ? [...isolated, 'tini', '--', process.execPath, server] : undefined,
  },
  { name: 'npm start', needs: 'npm', command: ['npm', 'start', '--silent'] },
  {
    name: 'a terminal',
    needs: 'python3',
    command: hasPython ? [...terminal, process.execPath, server] : undefined,
  },
]

/** Starts the server under a host, and resolves when it listens. */
export async function startKeepPid(
  undo: Leftovers,
  command: readonly string[],
  { options = {}, env = {} }: { options?: LifecycleOptions; env?: NodeJS.ProcessEnv } = {},
): Promise<KeepPidHost> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  undo.add(() => rmSync(folder, { recursive: true }))
  const scripts = { start: `'${process.execPath}' '${server}'` }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'app', scripts }))
  const port = await freePort()
  const file = path.join(folder, 'deploy.json')
  const deploy = (version: string, own: LifecycleOptions = {}): void =>
    writeFileSync(file, JSON.stringify({ version, port, options: { ...options, ...own } }))
  deploy('1')
  const marker = `ZERODROP_TEST_APP=${randomUUID()}`
  const [program, ...args] = command
  const host = spawn(program!, args, {
    cwd: folder,
    env: {
      ...environment(),
      ZERODROP_TEST_DEPLOY: file,
      ZERODROP_TEST_APP: marker.split('=')[1],
      // A line of progress would mix with what the server prints.
      NO_COLOR: '1',
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  undo.add(() => {
    host.kill('SIGKILL')
    for (const { pid } of familyOf(marker)) endProcess(pid)
  })
  const lines: Line[] = []
  let stderr = ''
  const watchers = new Watchers(() => `${lines.map((line) => JSON.stringify(line)).join('\n')}\n${stderr}`)
  createInterface({ input: host.stdout }).on('line', (text) => {
    if (!text.startsWith('{')) stderr += `${text}\n`
    else lines.push(JSON.parse(text) as Line)
    watchers.poll()
  })
  host.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    watchers.poll()
  })
  host.once('close', (code) => watchers.end(`the host ended with ${code}`))
  const ended: KeepPidHost['ended'] = new Promise((resolve) => {
    host.once('exit', (code, signal) => resolve([code, signal]))
  })
  const heard = (matches: (line: Line) => boolean): Promise<Line> =>
    watchers.until(matches.toString(), () => lines.find(matches), 30_000)
  await heard(({ event }) => event === 'listening')
  const chain = familyOf(marker)
  const first = chain.find(({ pid }) => !chain.some(({ parent }) => parent === pid))!
  const signal = (name: NodeJS.Signals): void => void process.kill(first.pid, name)
  return {
    host,
    port,
    pid: first.pid,
    ended,
    get stderr() {
      return stderr
    },
    deploy,
    release: () => writeFileSync(path.join(folder, 'release'), ''),
    async restart(version) {
      const before = lines.findLast(({ event }) => event === 'listening')!
      deploy(version)
      signal('SIGHUP')
      await heard((line) => line.event === 'listening' && line.version === version)
      await heard((line) => line.event === 'exit listener' && line.pid === before.pid)
      await heard(({ event }) => event === 'keeper')
    },
    signal,
    heard,
    heardOnStderr: (pattern) =>
      watchers.until(`stderr ${pattern}`, () => pattern.exec(stderr) ?? undefined, 30_000),
    async get(url = '/') {
      const client = await RawClient.connect({ port })
      const { body } = await client.request({ path: url, headers: { connection: 'close' } })
      client.destroy()
      return JSON.parse(body.toString()) as Record<string, unknown>
    },
    async isSame() {
      const deadline = performance.now() + 30_000
      while (familyOf(marker).length !== chain.length + 1 && performance.now() < deadline) await delay(20)
      return lookUp(first.pid)?.started === first.started && familyOf(marker).length === chain.length + 1
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

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone, as it should be.
  }
}
