import { readdirSync, readFileSync } from 'node:fs'

/**
 * How long all threads of a process together have been ready to run and waited for a CPU, in milliseconds:
 * the first thread, which runs JavaScript, waits for others while they read files for it. Undefined if the
 * kernel does not tell, and for a process that is gone.
 * https://www.kernel.org/doc/html/latest/scheduler/sched-stats.html (/proc/<pid>/schedstat)
 */
export function processorWait(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const waits = threads.map((thread) => waitOf(`/proc/${pid}/task/${thread}/schedstat`))
    const total = waits.reduce((sum, wait) => sum + wait, 0)
    return Number.isFinite(total) ? total : undefined
  } catch {
    return undefined
  }
}

function waitOf(file: string): number {
  const [, nanoseconds] = readFileSync(file, 'latin1').split(' ')
  return Number(nanoseconds) / 1e6
}
