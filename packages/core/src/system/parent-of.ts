import { readFileSync } from 'node:fs'

/** The pid of a process's parent. Linux only. */
export function parentOf(pid: number): number {
  // After the name, which may contain any character: the state, then the parent.
  const [, , parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').split(' ')
  return Number(parent)
}
