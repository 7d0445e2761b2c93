import path from 'node:path'
import { startApp } from './app-process.ts'
import type { AppOptions, AppProcess } from './app-process.ts'
import type { Leftovers } from '@zerodrop/traffic'
import { repository } from './repository.ts'

/** How one restart went, in milliseconds from the signal. */
export interface RestartTimes {
  /** Until the successor listened. */
  readonly serving: number
  /** Until the predecessor was gone. */
  readonly gone: number
}

/** A restart that takes longer has failed. */
const DEADLINE = 30_000

export interface GenerationsOptions extends AppOptions {
  /** Whether the server runs below `zerodrop run`: then that process is the one to signal, in every generation. */
  readonly keeper?: boolean
}

/** A server that is restarted by signal, one generation after the other. */
export class Generations {
  readonly app: AppProcess
  readonly #keeper: boolean
  #pid: number

  private constructor(app: AppProcess, pid: number, keeper: boolean) {
    this.app = app
    this.#keeper = keeper
    this.#pid = pid
  }

  /** Resolves when the first generation listens. */
  static async start(
    { keeper = false, ...options }: GenerationsOptions,
    undo: Leftovers,
  ): Promise<Generations> {
    const starting = startApp(keeper ? keptBy(options) : options)
    // Not only once it runs: an interruption may come before.
    undo.add(() => starting.then((app) => app.stop()))
    const app = await starting
    const { pid } = await app.waitFor('listening', { timeout: DEADLINE })
    return new Generations(app, pid as number, keeper)
  }

  /** Of the newest generation. */
  get pid(): number {
    return this.#pid
  }

  /** What the server wrote to stderr, without the line of each restart that succeeded. */
  get complaints(): string {
    return this.app.stderr.replaceAll(/^\[zerodrop\] pid \d+: handed over to generation .*\n/gm, '')
  }

  /** How many processes of the server live, the keeper apart. */
  get processes(): number {
    return this.app.family().length - (this.#keeper ? 1 : 0)
  }

  /** The process that an operator knows. */
  get #signalled(): number {
    return this.#keeper ? this.app.pid : this.#pid
  }

  /** Resolves when the next generation listens and the one before is gone. */
  async restart(): Promise<RestartTimes> {
    const { app } = this
    const from = app.lines.length
    const begun = performance.now()
    const predecessor = this.#pid
    app.signal('SIGHUP', this.#signalled)
    const { pid } = await app.waitFor('listening', { from, timeout: DEADLINE })
    const serving = performance.now() - begun
    await app.exitOf(predecessor, { timeout: DEADLINE })
    this.#pid = pid as number
    return { serving, gone: performance.now() - begun }
  }

  /** Stops the newest generation as a supervisor would, and resolves when it is gone. */
  async end(): Promise<void> {
    this.app.signal('SIGTERM', this.#signalled)
    await this.app.exitOf(this.#pid, { timeout: DEADLINE })
    if (this.#keeper) await this.app.exited
  }
}

/** The same server, below a keeper. */
function keptBy({ file, args = [], ...options }: AppOptions): AppOptions {
  return {
    ...options,
    file: path.join(repository, 'packages/cli/dist/main.js'),
    args: ['run', file, ...args],
  }
}
