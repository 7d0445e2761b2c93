import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Successor } from '../handover/successor.ts'
import type { Release, System } from '../system/system.ts'

/**
 * Waits for as long as a successor that is ready serves on probation. Rejects with `ERR_ZERODROP_SUCCESSOR_EXITED` if it
 * ends in that time, and with the reason of `abort`.
 * @param milliseconds 0 does not wait, Infinity waits for ever
 */
export async function provesItself(
  system: System,
  successor: Successor,
  milliseconds: number,
  abort: AbortSignal,
): Promise<void> {
  if (milliseconds === 0) return
  const releases: Release[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      releases.push(
        system.setTimeout(resolve, milliseconds),
        successor.onGone(() => reject(ended(successor))),
      )
      const onAbort = (): void => reject(abort.reason as Error)
      abort.addEventListener('abort', onAbort)
      releases.push(() => abort.removeEventListener('abort', onAbort))
      if (abort.aborted) onAbort()
    })
  } finally {
    for (const release of releases) release()
  }
}

function ended({ generation, pid }: Successor): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_SUCCESSOR_EXITED',
    `The successor (generation ${generation}, pid ${pid}) ended while it was on probation; what it printed above says why. ` +
      'This process goes on serving.',
  )
}
