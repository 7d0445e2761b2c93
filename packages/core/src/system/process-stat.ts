import { readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'

/** The status of a process on Linux: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export interface ProcessStat {
  /** `Z` for a process that has ended and whose parent has not waited for it. */
  readonly state: string
  readonly parent: number
  readonly group: number
  /** The pid of the process that leads its session. */
  readonly session: number
  /** 0 for a process without a terminal. */
  readonly terminal: number
  /** The process group that gets the terminal's signals. */
  readonly foreground: number
  /** Whether it is about to end: `PF_EXITING` of https://github.com/torvalds/linux/blob/v6.12/include/linux/sched.h */
  readonly exiting: boolean
  /** As `waitpid` returns it; 0 until the process has ended, and for a process of another user. */
  readonly waitStatus: number
}

/** Undefined if there is no such process, or no /proc. */
export function processStat(pid: number): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // After the name, which may contain any character: field 3 and up.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (number: number): number => Number(fields[number - 3])
  return {
    state: fields[0] ?? '',
    parent: field(4),
    group: field(5),
    session: field(6),
    terminal: field(7),
    foreground: field(8),
    exiting: (field(9) & 0x4) !== 0,
    waitStatus: field(52),
  }
}

/** Whether /proc shows that a process runs, and is not about to end. */
export function isRunning(pid: number): boolean {
  const stat = processStat(pid)
  return stat !== undefined && !stat.exiting && !/[ZX]/.test(stat.state)
}

/** Whether a process of this user has ended. It may still be a zombie. */
export function hasEnded(pid: number): boolean {
  if (isRunning(pid)) return false
  if (processStat(pid) !== undefined) return true
  try {
    // There may be no /proc.
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** The words of a process's command line; empty if there is no such process. */
export function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  } catch {
    return []
  }
}

/** The name of the file of a process's program; undefined if it cannot be read, as for another user's process. */
export function executableOf(pid: number): string | undefined {
  try {
    return path.basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''))
  } catch {
    return undefined
  }
}

/** The name that the kernel knows a process by: that of its program, unless the process has changed it. */
export function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()
  } catch {
    return undefined
  }
}
