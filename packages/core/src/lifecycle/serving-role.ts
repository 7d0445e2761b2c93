import type { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'
import type { Configuration } from './configuration.ts'
import { PidFile } from './pid-file.ts'
import type { Reporter } from '../events/reporter.ts'

/**
 * Tracks whether this process is the serving generation. A restart passes the role on; if it fails, this
 * process takes the role again.
 */
export class ServingRole {
  readonly #reporter: Reporter
  readonly #pidFile: PidFile
  readonly #configuration: Configuration
  readonly #listeners: (() => void)[] = []
  #held = false

  constructor(system: System, reporter: Reporter, configuration: Configuration) {
    this.#reporter = reporter
    this.#pidFile = new PidFile(system.pid)
    this.#configuration = configuration
  }

  get held(): boolean {
    return this.#held
  }

  /** Calls back when this process serves from now on, or again. */
  onTaken(listener: () => void): void {
    this.#listeners.push(listener)
  }

  take(): void {
    this.#held = true
    for (const listener of this.#listeners) listener()
    const { pidFile: path } = this.#configuration.settings
    if (path === undefined) return
    try {
      this.#pidFile.write(path)
    } catch (error) {
      this.#reporter.warn(error as ZerodropError)
    }
  }

  /** A successor has the role from now on. */
  pass(): void {
    this.#held = false
  }

  /** No process serves anymore. */
  end(): void {
    this.#held = false
    const { pidFile: path } = this.#configuration.settings
    if (path !== undefined) this.#pidFile.remove(path)
  }
}
