import { startApp } from '../app-process.ts'
import type { AppProcess } from '../app-process.ts'
import type { Leftovers } from '../leftovers.ts'
import { Releases } from './releases.ts'

/** How one restart went, in milliseconds from the signal. */
export interface RestartTimes {
  /** Until the successor listened. */
  readonly serving: number
  /** Until the predecessor was gone. */
  readonly gone: number
}

/** A restart that takes longer has failed. */
const DEADLINE = 30_000

/** A server that is deployed from release folders and restarted by signal, as it would be on a host of its own. */
export class Deployment {
  readonly app: AppProcess
  readonly #releases: Releases
  #pid: number
  #version = 1

  private constructor(app: AppProcess, releases: Releases) {
    this.app = app
    this.#releases = releases
    this.#pid = app.pid
  }

  /** Deploys version 1 and resolves when it listens. */
  static async start(server: string, port: number, undo: Leftovers): Promise<Deployment> {
    const releases = new Releases(server)
    undo.add(() => releases.remove())
    releases.deploy('1')
    const { folder, script } = releases
    const starting = startApp({ file: script, cwd: folder, env: { PORT: String(port) } })
    // Not only once it runs: an interruption may come before.
    undo.add(() => starting.then((app) => app.stop()))
    const deployment = new Deployment(await starting, releases)
    await deployment.app.waitFor('listening', { timeout: DEADLINE })
    return deployment
  }

  /** Of the newest generation. */
  get pid(): number {
    return this.#pid
  }

  /** The newest version that was deployed. */
  get version(): number {
    return this.#version
  }

  /** Deploys the next version: resolves when its process listens and the one before is gone. */
  async restart(): Promise<RestartTimes> {
    const { app } = this
    this.#version += 1
    this.#releases.deploy(String(this.#version))
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
