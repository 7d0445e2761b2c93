import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '../../fail.ts'
import { until } from '../until.ts'
import { Family, rootOf, send } from './family.ts'
import type { Mark } from './family.ts'
import { MarkFile } from './mark-file.ts'
import { isStopped, processEntry } from './proc.ts'
import type { ProcessEntry } from './proc.ts'
import type { Exit, Running } from './running.ts'

export interface StartOptions {
  readonly command: readonly [string, ...string[]]
  readonly port: number | undefined
}

/** srvx (used by Nitro and Nuxt) installs no graceful shutdown if these are set, and CI sets them for verify. */
export const clearedVariables = ['CI', 'TEST'] as const

const OUTPUT = 4000
const KILL_TIME = 5000
const OUTPUT_TIME = 500

/** Starts the command in its own session and process group. Rejects if the command cannot be started. */
export async function startServer({ command, port }: StartOptions): Promise<StartedServer> {
  const id = randomUUID()
  const env: NodeJS.ProcessEnv = { ...process.env, ZERODROP_VERIFY: id }
  for (const name of clearedVariables) delete env[name]
  if (port !== undefined) env['PORT'] = String(port)
  const [file, ...args] = command
  // Node throws on an empty name.
  if (file === '') throw new Failure('The command cannot be started: its first word is empty.', { status: 2 })
  const mark = new MarkFile(`zerodrop-verify-${id}`)
  try {
    const child = spawn(file, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe', ...mark.stdio] })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error: NodeJS.ErrnoException) => reject(notStarted(file, error)))
    })
    return new StartedServer(child, { environment: `ZERODROP_VERIFY=${id}`, file: mark.name })
  } finally {
    mark.close()
  }
}

function notStarted(file: string, error: NodeJS.ErrnoException): Failure {
  const why = error.code === 'ENOENT' ? 'there is no such command' : error.message
  const words = /\s/.test(file)
    ? ' Give its arguments as separate words, or let a shell read it: -- sh -c'
    : ''
  return new Failure(`${file} cannot be started: ${why}.${words && `${words} "${file}"`}`, {
    status: 2,
    code: error.code,
  })
}

export class StartedServer implements Running {
  pid: number
  exited: Promise<Exit>
  exit: Exit | undefined
  output = ''
  readonly outputEnded: Promise<void>
  readonly mark: string
  readonly #family: Family
  #signalled = false
  #killed = false

  constructor(child: ChildProcess, mark: Mark) {
    this.pid = child.pid as number
    this.mark = mark.environment
    this.#family = new Family(this.pid, mark)
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-OUTPUT)
      })
    this.outputEnded = new Promise((resolve) => {
      child.once('close', () => resolve())
      child.once('exit', () => setTimeout(resolve, OUTPUT_TIME).unref())
    })
    this.exited = new Promise((resolve) =>
      child.once('exit', (status, signal) => {
        this.exit = { status, signal, at: performance.now() }
        resolve(this.exit)
      }),
    )
  }

  members(): ProcessEntry[] {
    return this.#family.members()
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#signalled && this.exit !== undefined) this.#followDaemon()
    this.#signalled = true
    if (this.exit === undefined) send(this.pid, signal)
  }

  /** After a server has daemonized, signals go to the daemon, which is not a child of this process. */
  #followDaemon(): void {
    const daemon = rootOf(this.members())
    if (daemon === undefined) return
    this.pid = daemon.pid
    this.exit = undefined
    this.exited = this.#watch(daemon)
  }

  /** Polls until the daemon ends. Only its parent can read its exit status. */
  async #watch({ pid, started }: ProcessEntry): Promise<Exit> {
    while (!this.#killed && processEntry(pid)?.started === started) await delay(5, undefined, { ref: false })
    this.exit = { status: undefined, signal: null, at: performance.now() }
    return this.exit
  }

  async freeze(): Promise<void> {
    this.#family.signal('SIGSTOP')
    const stopped = (): true | undefined => this.members().every(({ pid }) => isStopped(pid)) || undefined
    await until(stopped, performance.now() + KILL_TIME)
  }

  thaw(): void {
    this.#family.signal('SIGCONT')
  }

  killNow(): void {
    this.#family.signal('SIGKILL')
  }

  async kill(): Promise<void> {
    this.#killed = true
    const gone = (): true | undefined => {
      // Repeat the signal: a process may fork after the members were listed.
      this.#family.signal('SIGKILL')
      return this.members().length === 0 || undefined
    }
    await until(gone, performance.now() + KILL_TIME)
    // Wait until Node has reaped the child: in a container, process 1 may not reap zombies.
    await until(() => this.exit, performance.now() + KILL_TIME)
  }
}
