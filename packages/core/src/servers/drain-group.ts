import type { Server } from 'node:net'
import { Drain, type DrainOptions } from '../drain/drain.ts'
import type { DrainResult } from '../events/drain-report.ts'
import type { ServerDrain } from '../drain/server-drain.ts'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'
import { type Hook, runHook } from './run-hook.ts'
import type { ServerHooks } from './server-hooks.ts'

/** One drain of some servers, with what their owners do when they settle. */
export class DrainGroup {
  /** Resolves when no connection is left that may bring a new request. */
  readonly settled: Promise<void>
  /** Resolves when the last connection has ended. */
  readonly drained: Promise<DrainResult>
  /** Resolves when the hooks have run as well, with what went wrong in them. */
  readonly done: Promise<readonly ZerodropError[]>
  readonly servers: readonly Server[]
  readonly #drain: Drain
  #cancelled = false

  constructor(
    system: System,
    drains: ReadonlyMap<Server, ServerDrain>,
    hooks: ServerHooks,
    options: DrainOptions,
  ) {
    this.servers = [...drains.keys()]
    this.#drain = new Drain(system, [...drains.values()], options)
    const late: Hook[] = []
    const running: Promise<ZerodropError | undefined>[] = []
    let settle = (): void => {}
    this.settled = new Promise((resolve) => {
      settle = resolve
    })
    let unsettled = drains.size
    if (unsettled === 0) settle()
    this.drained = this.#drain.run((settled) => {
      const entry = hooks.get(settled.connections.server)
      // The hook may wait for the server's last connection, so its time begins with the end of the drain.
      // With a successor that may still die nothing is done that cannot be taken back.
      if (entry !== undefined && options.successor) late.push(entry)
      else if (entry !== undefined) running.push(runHook(system, entry, this.drained))
      if (--unsettled === 0) settle()
    })
    this.done = this.drained.then(async () => {
      settle()
      if (this.#cancelled) return []
      for (const entry of late) running.push(runHook(system, entry, this.drained))
      return (await Promise.all(running)).filter((error) => error !== undefined)
    })
  }

  hammer(): void {
    this.#drain.hammer()
  }

  /** Ends the drain where it is; hooks that have not begun do not run. */
  cancel(): void {
    this.#cancelled = true
    this.#drain.cancel()
  }
}
