import type { Server } from 'node:net'
import { Drain, type DrainOptions } from '../drain/drain.ts'
import type { DrainResult } from '../drain/report.ts'
import type { ServerDrain } from '../drain/server-drain.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'
import type { ServerHooks } from './hooks.ts'

/** How long the hook of a server may take once its connections have ended. */
const hookTimeout = 5000

/** One drain of some servers, with what their owners do when they settle. */
export class DrainGroup {
  /** Resolves when no connection is left that may bring a new request. */
  readonly settled: Promise<void>
  /** Resolves when the last connection has ended. */
  readonly drained: Promise<DrainResult>
  /** Resolves when the hooks have run as well, with what went wrong in them. */
  readonly done: Promise<readonly ZerodropError[]>
  readonly #drain: Drain

  constructor(
    system: System,
    drains: ReadonlyMap<Server, ServerDrain>,
    hooks: ServerHooks,
    options: DrainOptions,
  ) {
    this.#drain = new Drain(system, [...drains.values()], options)
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
      if (entry !== undefined) running.push(runHook(system, entry.name, entry.hook, this.drained))
      if (--unsettled === 0) settle()
    })
    this.done = this.drained.then(async () => {
      settle()
      return (await Promise.all(running)).filter((error) => error !== undefined)
    })
  }

  hammer(): void {
    this.#drain.hammer()
  }
}

/** Runs a hook to its end, its failure, or its deadline, which begins when `begin` resolves. */
async function runHook(
  system: System,
  name: string,
  hook: () => unknown,
  begin: Promise<unknown>,
): Promise<ZerodropError | undefined> {
  const run = async (): Promise<ZerodropError | undefined> => {
    try {
      await hook()
      return undefined
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const text = `The shutdown hook "${name}" failed: ${reason}. The process goes on without it.`
      return new ZerodropError('ERR_ZERODROP_HOOK_FAILED', text, { cause })
    }
  }
  let stopWaiting = (): void => {}
  const deadline = async (): Promise<ZerodropError> => {
    await begin
    return new Promise((resolve) => {
      stopWaiting = system.setTimeout(() => {
        const text = `The shutdown hook "${name}" did not finish within ${hookTimeout} ms. The process goes on without it.`
        resolve(new ZerodropError('ERR_ZERODROP_HOOK_TIMEOUT', text))
      }, hookTimeout)
    })
  }
  try {
    return await Promise.race([run(), deadline()])
  } finally {
    stopWaiting()
  }
}
