import { readFileSync, writeFileSync } from 'node:fs'

/** By how much the score of a keeper is below that of its generations. -1000 would make a process untouchable. */
const advantage = 500
const lowest = -999

/**
 * Asks the kernel to end other processes first where memory runs out, which needs the right to do so (`CAP_SYS_RESOURCE`).
 * https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html
 * @returns the score before, which children inherit no more: see `setOomScore`. Undefined if it stays what it was
 */
export function spareThisProcess(): number | undefined {
  try {
    const before = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
    const wanted = Math.max(lowest, before - advantage)
    if (!Number.isInteger(before) || wanted >= before) return undefined
    writeFileSync('/proc/self/oom_score_adj', String(wanted))
    return before
  } catch {
    // There is no /proc, or it may not.
    return undefined
  }
}

/** Anybody may raise the score of a process of their own. */
export function setOomScore(pid: number, score: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(score))
  } catch {
    // It has ended.
  }
}
