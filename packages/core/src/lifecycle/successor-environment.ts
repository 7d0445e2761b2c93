import { inspect } from 'node:util'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'
import type { SuccessorEnvironment } from './options.ts'

/**
 * What a successor is started with.
 * @returns or resolves to it; rejects with `ERR_ZERODROP_SPAWN_FAILED` if the application's function fails
 */
export function successorEnvironment(
  { commandLine, environment }: System,
  option: SuccessorEnvironment,
): Readonly<NodeJS.ProcessEnv> | Promise<Readonly<NodeJS.ProcessEnv>> {
  if (option === 'start') return commandLine.env
  return option === 'current' ? environment : made(option, { ...commandLine.env })
}

async function made(
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
