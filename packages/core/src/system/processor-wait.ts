import { readFileSync } from 'node:fs'

/**
 * How long the first thread of a process, which runs its JavaScript, has been ready to run and waited for a processor, in
 * milliseconds since it started. Undefined where the kernel does not tell, and of a process that is gone.
 * https://www.kernel.org/doc/html/latest/scheduler/sched-stats.html (/proc/<pid>/schedstat)
 */
export function processorWait(pid: number): number | undefined {
  try {
    const [, nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')
    const waited = Number(nanoseconds) / 1e6
    return Number.isFinite(waited) ? waited : undefined
  } catch {
    return undefined
  }
}
