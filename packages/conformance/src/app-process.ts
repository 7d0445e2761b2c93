import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { familyOf, lookUp } from './process-table.ts'
import { Watchers } from '@zerodrop/traffic'

export interface AppOptions {
  file: string
  args?: string[]
  /** Added to, or with undefined taken from, this process's environment without what jest and node put there. */
  env?: Record<string, string | undefined>
  cwd?: string
  /** @default process.execPath */
  execPath?: string
  /** @default [] */
  execArgv?: string[]
}

/** One line of JSON that a server printed. */
export interface AppEvent {
  event: string
  pid?: number
  port?: number
  version?: string
  [key: string]: unknown
}

export interface WaitOptions {
  /** Milliseconds. @default 30000 */
  timeout?: number
  /** Index in `lines` to look from: take `lines.length` before the act whose effect you wait for. @default 0 */
  from?: number
}

export interface AppExit {
  code: number | null
  signal: NodeJS.Signals | null
}

type AppChild = ChildProcessByStdio<null, Readable, Readable>

const WAIT = 30_000
const NOT_INHERITED = [
  'NODE_ENV',
  'NODE_OPTIONS',
  'JEST_WORKER_ID',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
]

/** Starts a server script as a process of its own; resolves when the process exists, not when it listens. */
export async function startApp(options: AppOptions): Promise<AppProcess> {
  const { file, args = [], execPath = process.execPath, execArgv = [] } = options
  // A mark that every generation inherits: `stop` finds exactly these processes by it.
  const marker = `ZERODROP_TEST_APP=${randomUUID()}`
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const name of NOT_INHERITED) delete env[name]
  Object.assign(env, options.env, { ZERODROP_TEST_APP: marker.split('=')[1] })
  const child = spawn(execPath, [...execArgv, file, ...args], {
    cwd: options.cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await once(child, 'spawn')
  return new AppProcess(child, marker)
}

/**
 * A server under test: the process that was started and every generation that came from it. They all write to the
 * same stdout and stderr, so when both are closed, all of them are gone.
 */
export class AppProcess {
  /** Of the first process. */
  readonly pid: number
  /** The exit of the first process, once all its output has been read. Never rejects. */
  readonly exited: Promise<AppExit>
  /** All events so far, of all generations. */
  readonly lines: AppEvent[] = []
  /** Lines on stdout that were no events. */
  readonly output: string[] = []
  readonly #child: AppChild
  readonly #marker: string
  readonly #watchers: Watchers
  /** Every pid seen, with when that process started, so that a reused pid is never taken for ours. */
  readonly #seen = new Map<number, number>()
  #stderr = ''

  constructor(child: AppChild, marker: string) {
    this.pid = child.pid as number
    this.#child = child
    this.#marker = marker
    this.#watchers = new Watchers(() => this.#story())
    this.#see(this.pid)
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => void turn().then(() => resolve({ code, signal })))
    })
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
      this.#watchers.poll()
    })
    child.once('close', (code, signal) => {
      this.#watchers.end(`all its processes are gone, the first with code ${code}, signal ${signal}`)
    })
  }

  get stderr(): string {
    return this.#stderr
  }

  /**
   * The first event, of those seen already (from `from` on) and those to come, that has this name or satisfies this
   * predicate. Fails at once when no process is left that could print it.
   */
  waitFor(what: string | ((event: AppEvent) => boolean), options: WaitOptions = {}): Promise<AppEvent> {
    const { timeout = WAIT, from = 0 } = options
    const matches = typeof what === 'string' ? (event: AppEvent) => event.event === what : what
    const find = (): AppEvent | undefined => this.lines.slice(from).find(matches)
    return this.#watchers.until(`event ${String(what)}`, find, timeout)
  }

  waitForStderr(pattern: RegExp, options: { timeout?: number } = {}): Promise<RegExpExecArray> {
    const find = (): RegExpExecArray | undefined => pattern.exec(this.#stderr) ?? undefined
    return this.#watchers.until(`stderr ${pattern}`, find, options.timeout ?? WAIT)
  }

  /** Every pid seen: the first process and those that events named, in order. */
  pids(): number[] {
    return [...this.#seen.keys()]
  }

  isAlive(pid: number): boolean {
    const started = this.#seen.get(pid)
    return started !== undefined && lookUp(pid)?.started === started
  }

  /** Signals the newest generation that is alive, or the given one; returns its pid. */
  signal(signal: NodeJS.Signals, pid?: number): number {
    const target = pid ?? this.pids().findLast((seen) => this.isAlive(seen))
    if (target === undefined || !this.isAlive(target)) {
      throw new Error(
        `no process to send ${signal} to${pid === undefined ? '' : `: ${pid} is gone`}\n${this.#story()}`,
      )
    }
    process.kill(target, signal)
    return target
  }

  /**
   * Resolves when this generation has exited and all its output has been read. Polls: the exit of a process that is not
   * our child is not announced.
   */
  async exitOf(pid: number, options: { timeout?: number } = {}): Promise<void> {
    const { timeout = WAIT } = options
    if (!this.#seen.has(pid)) throw new Error(`no event named ${pid}\n${this.#story()}`)
    const deadline = performance.now() + timeout
    while (this.isAlive(pid)) {
      if (performance.now() > deadline)
        throw new Error(`${pid} still there after ${timeout} ms\n${this.#story()}`)
      await delay(10)
    }
    await turn()
  }

  /** Kills every process that came from this app, in whatever state, and resolves when all are gone. */
  async stop(): Promise<void> {
    const deadline = performance.now() + WAIT
    // Repeatedly, because a process that is being killed may just have started another.
    for (let alive = this.family(); alive.length > 0; alive = this.family()) {
      if (performance.now() > deadline) throw new Error(`${alive.join()} survive SIGKILL\n${this.#story()}`)
      for (const pid of alive) kill(pid)
      await delay(5)
    }
    await this.exited
    this.#child.stdout.destroy()
    this.#child.stderr.destroy()
  }

  /** Every live process that this app has started, directly or not. */
  family(): number[] {
    const seen = this.pids().filter((pid) => this.isAlive(pid))
    return [...new Set([...seen, ...familyOf(this.#marker).map((entry) => entry.pid)])]
  }

  #hear(line: string): void {
    const event = parseEvent(line)
    if (!event) {
      this.output.push(line)
      return
    }
    if (event.pid !== undefined) this.#see(event.pid)
    this.lines.push(event)
    this.#watchers.poll()
  }

  #see(pid: number): void {
    if (this.#seen.has(pid)) return
    const started = lookUp(pid)?.started ?? -1
    const first = this.#seen.get(this.pid) ?? 0
    // A process older than the app cannot belong to it, whatever an event says; such a pid counts as gone.
    this.#seen.set(pid, pid > 1 && pid !== process.pid && started >= first ? started : -1)
  }

  /** The text for the error of a failed wait. */
  #story(): string {
    const events = this.lines.slice(-10).map((event) => `  ${JSON.stringify(event)}`)
    return `last events:\n${events.join('\n')}\nstderr:\n${this.#stderr.slice(-4000)}`
  }
}

function parseEvent(line: string): AppEvent | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const parsed: unknown = JSON.parse(line)
    return typeof (parsed as AppEvent).event === 'string' ? (parsed as AppEvent) : undefined
  } catch {
    return undefined
  }
}

/** Resolves when the event loop has polled once from beginning to end, and so has read what the pipes hold now. */
async function turn(): Promise<void> {
  // The first may be in the poll that is under way, which asked the kernel before now.
  for (let checks = 0; checks < 2; checks += 1) await new Promise((resolve) => setImmediate(resolve))
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone since we looked.
  }
}
