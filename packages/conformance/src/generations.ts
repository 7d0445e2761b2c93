import { startApp } from './app-process.ts'
import type { AppOptions, AppProcess } from './app-process.ts'
import type { Leftovers } from '@zerodrop/traffic'

/** How one restart went, in milliseconds from the signal. */
export interface RestartTimes {
  /** Until the successor listened. */
  readonly serving: number
  /** Until the predecessor was gone. */
  readonly gone: number
}

/** A restart that takes longer has failed. */
const DEADLINE = 30_000

/** A server that is restarted by signal, one generation after the other. */
export class Generations {
  readonly app: AppProcess
  #pid: number

  private constructor(app: AppProcess) {
    this.app = app
    this.#pid = app.pid
  }

  /** Resolves when the first generation listens. */
  static async start(options: AppOptions, undo: Leftovers): Promise<Generations> {
    const starting = startApp(options)
    // Not only once it runs: an interruption may come before.
    undo.add(() => starting.then((app) => app.stop()))
    const app = await starting
    await app.waitFor('listening', { timeout: DEADLINE })
    return new Generations(app)
  }

  /** Of the newest generation. */
  get pid(): number {
    return this.#pid
  }

  /** What the server wrote to stderr, without the line of each restart that succeeded. */
  get complaints(): string {
    return this.app.stderr.replaceAll(/^\[zerodrop\] pid \d+: handed over to generation .*\n/gm, '')
  }

  /** Resolves when the next generation listens and the one before is gone. */
  async restart(): Promise<RestartTimes> {
    const { app } = this
    const from = app.lines.length
    const begun = performance.now()
    const predecessor = app.signal('SIGHUP', this.#pid)
    const { pid } = await app.waitFor('listening', { from, timeout: DEADLINE })
    const serving = performance.now() - begun
    await app.exitOf(predecessor, { timeout: DEADLINE })
    this.#pid = pid as number
    return { serving, gone: performance.now() - begun }
  }

  /** Stops the newest generation as a supervisor would, and resolves when it is gone. */
  async end(): Promise<void> {
    this.app.signal('SIGTERM', this.#pid)
    await this.app.exitOf(this.#pid, { timeout: DEADLINE })
  }
}
