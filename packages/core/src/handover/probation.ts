import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Successor } from './successor.ts'
import type { Release, System } from '../system/system.ts'

/** How long after the end of its channel to wait for a successor's exit status, in milliseconds. */
const exitTimeout = 1000

/**
 * Waits while a ready successor serves on probation. Rejects with `ERR_ZERODROP_SUCCESSOR_EXITED` if the
 * successor ends in that time, and with the reason of `abort`.
 * @param milliseconds 0 does not wait, Infinity waits forever
 */
export async function waitForProbation(
  system: System,
  successor: Successor,
  milliseconds: number,
  abort: AbortSignal,
): Promise<void> {
  if (milliseconds === 0) return
  const releases: Release[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      const stopWaiting = system.setTimeout(resolve, milliseconds)
      const onGone = (): void => {
        stopWaiting()
        const fail = (): void => reject(describeEnd(successor))
        releases.push(system.setTimeout(fail, exitTimeout))
        void successor.gone.then(fail)
      }
      releases.push(stopWaiting, successor.onGone(onGone))
      const onAbort = (): void => reject(abort.reason as Error)
      abort.addEventListener('abort', onAbort)
      releases.push(() => abort.removeEventListener('abort', onAbort))
      if (abort.aborted) onAbort()
    })
  } finally {
    for (const release of releases) release()
  }
}

function describeEnd({ generation, pid, ending }: Successor): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_SUCCESSOR_EXITED',
    `The successor (generation ${generation}, pid ${pid}) ${ending} while it was on probation; see what it printed. ` +
      'This process goes on serving.',
  )
}
