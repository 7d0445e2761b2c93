import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'
import { within } from '../system/within.ts'
import type { SuccessorEnvironment } from '../options/options.ts'

/** The limits of the wait for the application's function. */
export interface EnvironmentLimits {
  /** Milliseconds. Infinity waits forever. */
  readonly readyTimeout: number
  readonly abort: AbortSignal
}

/**
 * The environment of a successor.
 * @returns the environment or a promise for it, which rejects with `ERR_ZERODROP_SPAWN_FAILED` if the
 * application's function fails, with
 *   `ERR_ZERODROP_READY_TIMEOUT` or `ERR_ZERODROP_RESTART_ABORTED` if it takes longer than it may
 */
export function successorEnvironment(
  system: System,
  option: SuccessorEnvironment,
  limits: EnvironmentLimits,
): Readonly<NodeJS.ProcessEnv> | Promise<Readonly<NodeJS.ProcessEnv>> {
  const start = system.commandLine.env
  if (option === 'start') return start
  return option === 'current'
    ? system.environment
    : within(system, resolveEnvironment(option, { ...start }), {
        timeout: limits.readyTimeout,
        onTimeout: () => {
          throw tooLate(limits.readyTimeout)
        },
        abort: limits.abort,
        onAbort: () => {
          throw aborted()
        },
      })
}

async function resolveEnvironment(
  make: (start: NodeJS.ProcessEnv) => unknown,
  start: NodeJS.ProcessEnv,
): Promise<NodeJS.ProcessEnv> {
  let result: unknown
  try {
    result = await make(start)
  } catch (cause) {
    throw failed(inspect(cause, { depth: 0 }), cause)
  }
  if (typeof result === 'object' && result !== null) return result as NodeJS.ProcessEnv
  throw failed(`it returned ${inspect(result, { depth: 0 })}`)
}

function failed(why: string, cause?: unknown): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_SPAWN_FAILED',
    `The successor was not started, because the function "successorEnv" failed: ${why}. ` +
      'It has to return an object of variables. This process goes on serving.',
    { cause },
  )
}

function tooLate(readyTimeout: number): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_READY_TIMEOUT',
    `The successor was not started, because the function "successorEnv" did not finish within ${readyTimeout} ms, which is ` +
      'the "readyTimeout". Look for what it waits for. This process goes on serving.',
  )
}

function aborted(): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_RESTART_ABORTED',
    'The successor was not started: a shutdown came while the function "successorEnv" was running.',
  )
}
