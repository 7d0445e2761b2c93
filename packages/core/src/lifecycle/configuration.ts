import { foundOptions } from '../options/found-options.ts'
import { knownOptions } from '../options/known-options.ts'
import {
  checkConflict,
  checkOptions,
  defaults,
  joinOptions,
  type LifecycleOptions,
  mergeOptions,
  type Settings,
} from '../options/options.ts'
import type { System } from '../system/system.ts'

/** The options of this process: what its calls of `configure()` ask for, what its environment says, and the defaults. */
export class Configuration {
  #asked: LifecycleOptions = {}
  #found: LifecycleOptions | undefined
  #settings: Settings = defaults
  #configured = false

  /** All options with their values, as they are now. */
  get settings(): Settings {
    return this.#settings
  }

  /** Whether anybody has called `configure()`. */
  get configured(): boolean {
    return this.#configured
  }

  /**
   * Adds the options of one call.
   * @returns what the application and its environment ask for together
   * @throws what `checkOptions()` throws, and `ERR_ZERODROP_OPTION_CONFLICT`
   */
  add(options: LifecycleOptions): LifecycleOptions {
    checkOptions(options)
    checkConflict(this.#asked, options)
    this.#asked = joinOptions(this.#asked, options)
    const wanted = joinOptions(this.#found ?? {}, this.#asked)
    this.#settings = mergeOptions(defaults, wanted)
    return wanted
  }

  /** The first call of `configure()` has been carried out. */
  begin(): void {
    this.#configured = true
  }

  /**
   * Reads what the framework needs, and what the environment and package.json say, which holds from the next `add()` on where the application says nothing.
   * @returns false if that has been read before
   */
  find({ commandLine, environment, title }: System): boolean {
    if (this.#found !== undefined) return false
    this.#found = { ...knownOptions(title), ...foundOptions(commandLine.cwd, environment) }
    return true
  }
}
