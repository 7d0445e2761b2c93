import { readdirSync, readFileSync } from 'node:fs'

/** The descriptors of a process. */
export interface FreeDescriptors {
  /** How many it can still open, at least. */
  readonly free: number
  /** How many it can have open at the same time: `RLIMIT_NOFILE`. */
  readonly limit: number
}

/**
 * How many descriptors this process can still open; undefined if the kernel does not show it.
 *
 * Counting costs the event loop time if many are open. So it counts only if the size of the descriptor table, which
 * never shrinks, leaves less than `enough`.
 * https://man7.org/linux/man-pages/man5/proc_pid_status.5.html (FDSize)
 */
export function freeDescriptors(enough: number): FreeDescriptors | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    const [, size] = /^FDSize:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
    if (soft === undefined || size === undefined) return undefined
    const limit = Number(soft)
    const free = limit - Number(size)
    return { limit, free: free >= enough ? free : limit - readdirSync('/proc/self/fd').length }
  } catch {
    return undefined
  }
}
