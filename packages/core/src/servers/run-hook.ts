import { reasonOf } from '../errors/reason.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Release, System } from '../system/system.ts'

/** A function of the application that runs at some point in the life of the process. */
export interface Hook {
  /** The hook's name in reports. */
  readonly name: string
  readonly hook: () => unknown
  /** Milliseconds. */
  readonly timeout: number
}

/** The default, in milliseconds. */
export const hookTimeout = 5000

/** The hook of the application for one server that settles. */
export function serverHook(name: string, hook: () => unknown): Hook {
  return { name: `hook "${name}" of a server`, hook, timeout: hookTimeout }
}

/**
 * Runs a hook to its end, its failure or its deadline, whichever comes first. Never rejects.
 * @param ended starts the time of the hook when it resolves: the hook itself may wait for that
 * @returns the error; undefined if it succeeded
 */
export async function runHook(
  system: System,
  { name, hook, timeout }: Hook,
  ended: Promise<unknown>,
): Promise<ZerodropError | undefined> {
  let over = false
  let stopWaiting: Release = () => {}
  const deadline = ended.then(
    () =>
      new Promise<ZerodropError>((resolve) => {
        if (over) return
        const text = `The ${name} did not finish within ${timeout} ms, and zerodrop went on without it. Look for what it waits for.`
        stopWaiting = system.setTimeout(
          () => resolve(new ZerodropError('ERR_ZERODROP_HOOK_TIMEOUT', text)),
          timeout,
        )
      }),
  )
  const run = async (): Promise<ZerodropError | undefined> => {
    try {
      await hook()
      return undefined
    } catch (cause) {
      const text = `The ${name} failed, and zerodrop went on without it: ${reasonOf(cause)}`
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
