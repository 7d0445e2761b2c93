import type { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'
import { PidFile } from './pid-file.ts'
import type { Reporter } from '../events/reporter.ts'

/** Being the one process that serves. A restart passes it on; if that fails, it is taken again. */
export class Charge {
  readonly #reporter: Reporter
  readonly #pidFile: PidFile
  readonly #path: () => string | undefined
  readonly #onTaken: () => void
  #held = false

  /**
   * @param path of the pid file; undefined for none
   * @param onTaken called when this process serves from now on, or again
   */
  constructor(
    system: System,
    reporter: Reporter,
    path: () => string | undefined,
    onTaken: () => void = () => {},
  ) {
    this.#reporter = reporter
    this.#pidFile = new PidFile(system.pid)
    this.#path = path
    this.#onTaken = onTaken
  }

  get held(): boolean {
    return this.#held
  }

  take(): void {
    this.#held = true
    this.#onTaken()
    const path = this.#path()
    if (path === undefined) return
    try {
      this.#pidFile.write(path)
    } catch (error) {
      this.#reporter.warn(error as ZerodropError)
    }
  }

  /** A successor has it from now on. */
  pass(): void {
    this.#held = false
  }

  /** Nobody serves any more. */
  end(): void {
    this.#held = false
    const path = this.#path()
    if (path !== undefined) this.#pidFile.remove(path)
  }
}
