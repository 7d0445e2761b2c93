import type { ZerodropError } from '../errors/zerodrop-error.ts'
import { Events, type LifecycleEvents } from '../events/events.ts'
import type { System } from '../system/system.ts'

/** Tells what happens: those who listen to events, and on stderr the operator. */
export class Reporter {
  readonly events: Events = new Events()
  readonly #system: System

  constructor(system: System) {
    this.#system = system
  }

  tell<Name extends keyof LifecycleEvents>(name: Name, ...payload: LifecycleEvents[Name]): void {
    const error = this.events.tell(name, ...payload)
    if (error !== undefined) this.write(`${error.code}: ${error.message}`)
  }

  /** Something went wrong that no caller waits for. */
  warn(error: ZerodropError): void {
    this.tell('warning', { error })
    this.write(`${error.code}: ${error.message}`)
  }

  restartFailed(error: ZerodropError): void {
    this.tell('restart:failed', { error })
    this.write(`restart failed: ${error.code}: ${error.message}`)
  }

  write(text: string): void {
    this.#system.writeError(`[zerodrop] pid ${this.#system.pid}: ${text}`)
  }
}
