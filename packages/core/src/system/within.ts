import type { Release, System } from './system.ts'

/** The limits of a wait. Each function returns the result to use instead, or throws. */
export interface Limits<Result> {
  /** Milliseconds; Infinity for no limit. */
  readonly timeout: number
  readonly onTimeout: () => Result
  readonly abort?: AbortSignal
  readonly onAbort?: () => Result
}

/** Waits for a promise within limits. Leaves no timer and no listener behind. */
export async function within<Result>(
  system: Pick<System, 'setTimeout'>,
  work: Promise<Result>,
  { timeout, onTimeout, abort, onAbort }: Limits<Result>,
): Promise<Result> {
  const releases: Release[] = []
  const limit = new Promise<Result>((resolve, reject) => {
    const end = (result: () => Result): void => {
      try {
        resolve(result())
      } catch (error) {
        reject(error as Error)
      }
    }
    releases.push(system.setTimeout(() => end(onTimeout), timeout))
    if (abort === undefined || onAbort === undefined) return
    const listener = (): void => end(onAbort)
    abort.addEventListener('abort', listener)
    releases.push(() => abort.removeEventListener('abort', listener))
    if (abort.aborted) listener()
  })
  try {
    return await Promise.race([limit, work])
  } finally {
    for (const release of releases) release()
  }
}

/** Resolves after this many milliseconds, or when the wait is aborted. */
export function pause(
  system: Pick<System, 'setTimeout'>,
  milliseconds: number,
  abort: AbortSignal,
): Promise<void> {
  const end = (): void => {}
  return within(system, new Promise<void>(() => {}), {
    timeout: milliseconds,
    onTimeout: end,
    abort,
    onAbort: end,
  })
}
