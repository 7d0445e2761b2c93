import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { freePort, Inbox, type Leftovers } from '@zerodrop/traffic'
import { familyOf } from '../../src/process-table.ts'

export const factsServer = path.join(__dirname, '../../fixtures/start/facts.cjs')

/** How a generation of `fixtures/start/facts.cjs` finds itself started. */
export interface Facts {
  pid: number
  generation: number
  argv: string[]
  argv0: string
  execArgv: string[]
  cwd: string
  main?: string
  env: Record<string, string>
  channel: { send: string; connected: string; channel: string; disconnect: string; listeners: number[] }
  /** What a module saw that ran before the application. */
  early?: unknown
  /** The environment and the descriptors of a program that it starts. */
  child: string[]
  /** What the application sees once zerodrop runs. */
  after: { env: Record<string, string>; ipc: string; execArgv: string[] }
  worker: { env: Record<string, string>; argv: string[]; execArgv: string[] }
}

export interface ProgramOptions {
  cwd?: string
  env?: Record<string, string | undefined>
  argv0?: string
  /** Descriptors 3 and up, or a channel. */
  extra?: readonly ('ipc' | number)[]
  serialization?: 'json' | 'advanced'
}

/** A program under test, in any way in which one can be started. */
export class Program {
  readonly child: ChildProcess
  readonly port: number
  /** Resolves when no process of it can print any more. */
  readonly ended: Promise<unknown>
  /** What it has printed on stderr so far. */
  stderr = ''
  readonly #said = new Inbox<Facts | { failed: string; stderr: string }>()
  #pid = 0

  private constructor(child: ChildProcess, port: number) {
    this.child = child
    this.port = port
    this.ended = once(child.stdout!, 'end')
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.startsWith('{')) this.#said.push(JSON.parse(line) as Facts)
    })
    child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    child.stdout!.on('end', () => this.#said.end(() => new Error(`The program has ended. ${this.stderr}`)))
  }

  /** Starts it. What it says first is taken with `next()`. */
  static async start(
    undo: Leftovers,
    [file, ...args]: readonly string[],
    { cwd, env, argv0, serialization = 'json', extra = [] }: ProgramOptions = {},
  ): Promise<Program> {
    const port = await freePort()
    const marker = randomUUID()
    const child = spawn(file!, args, {
      cwd,
      serialization,
      ...(argv0 !== undefined && { argv0 }),
      env: { ...environment(), FACTS_PORT: String(port), ZERODROP_TEST_APP: marker, ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...extra],
    })
    child.on('error', () => {})
    undo.add(async () => {
      for (const { pid } of familyOf(`ZERODROP_TEST_APP=${marker}`)) kill(pid)
      if (child.connected) child.disconnect()
    })
    return new Program(child, port)
  }

  /** What the next generation to be ready says. Rejects if there will be none. */
  async next(): Promise<Facts> {
    const said = await this.#said.take()
    if ('failed' in said) throw new Error(`${said.failed}\n${said.stderr}`)
    this.#pid = said.pid
    return said
  }

  /** Restarts it, and resolves with what the successor says. */
  restart(): Promise<Facts> {
    process.kill(this.#pid, 'SIGHUP')
    return this.next()
  }
}

/** Without what jest and npm put there. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_ENV|NODE_OPTIONS|NODE_CHANNEL|JEST_|PWD$|OLDPWD$)/i.test(name),
  )
  return Object.fromEntries(kept)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone, as it should be.
  }
}
