import { Generations } from '../generations.ts'
import type { RestartTimes } from '../generations.ts'
import type { Leftovers } from '@zerodrop/traffic'

/**
 * Starts the same server on ports of its own and stops it again: what clients notice of that is what the start of a
 * process costs on this machine, whoever starts it and what for.
 */
export async function startBeside(file: string, undo: Leftovers): Promise<RestartTimes> {
  const begun = performance.now()
  const env = { PORT: '0', HTTPS_PORT: '0', H2_PORT: '0', H2C_PORT: '0' }
  const generations = await Generations.start({ file, env }, undo)
  const serving = performance.now() - begun
  await generations.end()
  return { serving, gone: performance.now() - begun }
}
