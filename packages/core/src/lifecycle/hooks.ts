import type { Server } from 'node:net'
import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'

/** What is done when a server's connections have ended, before the process exits. */
export type ShutdownHook = () => unknown

/** Runs a hook to its end, its failure or its deadline, whichever comes first. */
export async function runHook(
  system: System,
  name: string,
  hook: ShutdownHook,
  timeout: number,
): Promise<ZerodropError | undefined> {
  let stopWaiting = (): void => {}
  const deadline = new Promise<ZerodropError>((resolve) => {
    stopWaiting = system.setTimeout(
      () =>
        resolve(
          new ZerodropError(
            'ERR_ZERODROP_HOOK_TIMEOUT',
            `The shutdown hook "${name}" did not finish within ${timeout} ms, and the shutdown went on without it. ` +
              'Look for what it waits for.',
          ),
        ),
      timeout,
    )
  })
  const run = async (): Promise<ZerodropError | undefined> => {
    try {
      await hook()
      return undefined
    } catch (cause) {
      // Anything can be thrown, even what cannot be made a string.
      const reason = cause instanceof Error ? cause.message : inspect(cause, { depth: 0 })
      return new ZerodropError(
        'ERR_ZERODROP_HOOK_FAILED',
        `The shutdown hook "${name}" failed, and the shutdown went on without it: ${reason}`,
        { cause },
      )
    }
  }
  try {
    return await Promise.race([run(), deadline])
  } finally {
    stopWaiting()
  }
}

/** Hooks by the server they belong to: gone with the server, so that an application that is thrown away leaves none. */
export class ServerHooks {
  readonly #hooks = new WeakMap<Server, { name: string; hook: ShutdownHook }>()

  set(server: Server, name: string, hook: ShutdownHook): void {
    this.#hooks.set(server, { name, hook })
  }

  /** Runs the hooks of these servers one by one, the last server's first. Returns what went wrong. */
  async run(system: System, servers: readonly Server[], timeout: number): Promise<ZerodropError[]> {
    const errors: ZerodropError[] = []
    for (const server of [...servers].reverse()) {
      const entry = this.#hooks.get(server)
      if (entry === undefined) continue
      const error = await runHook(system, entry.name, entry.hook, timeout)
      if (error !== undefined) errors.push(error)
    }
    return errors
  }
}
