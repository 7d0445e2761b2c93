import { processStat } from './process-stat.ts'

/** The pids of this process's ancestors, its parent first, without process 1. Only the parent where there is no /proc. */
export function* ancestors(): Generator<number> {
  let pid: number | undefined = process.ppid
  for (; pid !== undefined && pid > 1; pid = processStat(pid)?.parent) yield pid
}
