import { readFileSync, writeFileSync } from 'node:fs'

/** By how much the score of a keeper is below that of its generations. -1000 would make a process untouchable. */
const advantage = 500
const lowest = -999

/**
 * Asks the kernel to kill other processes first when memory runs out, which needs `CAP_SYS_RESOURCE`.
 * https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html
 * @returns the earlier score, for `setOomScore` of children, which would inherit the new one. Undefined if
 * it did not change
 */
export function spareThisProcess(): number | undefined {
  try {
    const before = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
    const wanted = Math.max(lowest, before - advantage)
    if (!Number.isInteger(before) || wanted >= before) return undefined
    writeFileSync('/proc/self/oom_score_adj', String(wanted))
    return before
  } catch {
    // There is no /proc, or this process lacks the right.
    return undefined
  }
}

/** Every user may raise the score of their own processes. */
export function setOomScore(pid: number, score: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(score))
  } catch {
    // It has ended.
  }
}
