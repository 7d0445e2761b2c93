import { Generations } from '../generations.ts'
import type { RestartTimes } from '../generations.ts'
import type { Leftovers } from '@zerodrop/traffic'
import { Releases } from './releases.ts'

/** A server that is deployed from release folders and restarted by signal, as it would be on a host of its own. */
export class Deployment {
  readonly generations: Generations
  readonly #releases: Releases
  #version = 1

  private constructor(generations: Generations, releases: Releases) {
    this.generations = generations
    this.#releases = releases
  }

  /** Deploys version 1 and resolves when it listens. */
  static async start(
    { server, keeper }: { server: string; keeper: boolean },
    port: number,
    undo: Leftovers,
  ): Promise<Deployment> {
    const releases = new Releases(server)
    undo.add(() => releases.remove())
    releases.deploy('1')
    const { folder, script } = releases
    const app = { file: script, cwd: folder, env: { PORT: String(port) }, keeper }
    return new Deployment(await Generations.start(app, undo), releases)
  }

  /** Of the newest generation. */
  get pid(): number {
    return this.generations.pid
  }

  /** The newest version that was deployed. */
  get version(): number {
    return this.#version
  }

  /** Deploys the next version: resolves when its process listens and the one before is gone. */
  async restart(): Promise<RestartTimes> {
    this.#version += 1
    this.#releases.deploy(String(this.#version))
    return this.generations.restart()
  }
}
