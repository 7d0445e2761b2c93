import type { Server } from 'node:net'
import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Release, System } from '../system/system.ts'

/** What an application does at the end of a server, before the process exits. */
export interface ServerHook {
  /** How the hook is called in a report. */
  readonly name: string
  readonly hook: () => unknown
}

/** How long the hook of a server may take once its connections have ended. */
export const hookTimeout = 5000

/** What belongs to one server, and goes with it: an application that is thrown away leaves nothing behind. */
export class ServerHooks {
  readonly #hooks = new WeakMap<Server, ServerHook>()

  set(server: Server, hook: ServerHook): void {
    this.#hooks.set(server, hook)
  }

  get(server: Server): ServerHook | undefined {
    return this.#hooks.get(server)
  }
}

/**
 * Runs a hook to its end, its failure or its deadline, whichever comes first. Never rejects.
 * @param ended when the time of the hook begins to run: it may wait for that itself
 * @returns what went wrong
 */
export async function runHook(
  system: System,
  { name, hook }: ServerHook,
  ended: Promise<unknown>,
): Promise<ZerodropError | undefined> {
  let over = false
  let stopWaiting: Release = () => {}
  const deadline = ended.then(
    () =>
      new Promise<ZerodropError>((resolve) => {
        if (over) return
        const text = `The shutdown hook "${name}" did not finish within ${hookTimeout} ms, and the shutdown went on without it. Look for what it waits for.`
        stopWaiting = system.setTimeout(
          () => resolve(new ZerodropError('ERR_ZERODROP_HOOK_TIMEOUT', text)),
          hookTimeout,
        )
      }),
  )
  const run = async (): Promise<ZerodropError | undefined> => {
    try {
      await hook()
      return undefined
    } catch (cause) {
      // Anything can be thrown, even what cannot be made a string.
      const reason = cause instanceof Error ? cause.message : inspect(cause, { depth: 0 })
      const text = `The shutdown hook "${name}" failed, and the shutdown went on without it: ${reason}`
      return new ZerodropError('ERR_ZERODROP_HOOK_FAILED', text, { cause })
    }
  }
  try {
    return await Promise.race([run(), deadline])
  } finally {
    over = true
    stopWaiting()
  }
}
