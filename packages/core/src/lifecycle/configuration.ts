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

/** The options of this process: from its calls of `configure()`, from its environment, and the defaults. */
export class Configuration {
  #asked: LifecycleOptions = {}
  #found: LifecycleOptions | undefined
  #settings: Settings = defaults
  #configured = false

  /** All options with their current values. */
  get settings(): Settings {
    return this.#settings
  }

  /** Whether `configure()` was called. */
  get configured(): boolean {
    return this.#configured
  }

  /**
   * Adds the options of one call.
   * @returns the options of the application and its environment together
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
   * Reads the options that the framework needs, and those of the environment and package.json. From the next
   * `add()` on they apply unless the application sets them.
   * @returns false if it has read them before
   */
  find({ commandLine, environment, title }: System): boolean {
    if (this.#found !== undefined) return false
    this.#found = { ...knownOptions(title), ...foundOptions(commandLine.cwd, environment) }
    return true
  }
}
