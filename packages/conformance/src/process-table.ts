import { readFileSync, readdirSync } from 'node:fs'

/** What tells a process from a later one with the same pid: when it started, in the kernel's own clock. */
export interface ProcessEntry {
  pid: number
  parent: number
  started: number
}

const onLinux = process.platform === 'linux'

/**
 * The process with this pid, or undefined if it is gone. A zombie is gone once its last thread is: then its sockets are
 * closed and its memory is free, only its parent (which for an orphan in a container may be nobody) has not asked for
 * its exit code.
 *
 * Elsewhere than on Linux there is no /proc, so all it says is whether the pid is in use, with zeros for the rest.
 */
export function lookUp(pid: number): ProcessEntry | undefined {
  if (!onLinux) return signalable(pid) ? { pid, parent: 0, started: 0 } : undefined
  const stat = readProc(pid, 'stat')
  // The second field is the command in parentheses, which may itself contain both blanks and parentheses.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  // The first thread can end before the others, of which the last one closes the descriptors.
  if (!fields || fields[0] === 'X' || (fields[0] === 'Z' && Number(fields[17]) <= 1)) return undefined
  return { pid, parent: Number(fields[1]), started: Number(fields[19]) }
}

/**
 * All live processes whose environment had `marker` when they started, and everything below them. The environment
 * finds those that the tree does not: once a generation has exited, its successor is a child of init.
 */
export function familyOf(marker: string): ProcessEntry[] {
  if (!onLinux) return []
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => lookUp(Number(name)) ?? [])
  const family = new Map<number, ProcessEntry>()
  for (const entry of all) {
    if (readProc(entry.pid, 'environ')?.split('\0').includes(marker)) family.set(entry.pid, entry)
  }
  for (let before = -1; before !== family.size; ) {
    before = family.size
    for (const entry of all) if (family.has(entry.parent)) family.set(entry.pid, entry)
  }
  return [...family.values()]
}

function signalable(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function readProc(pid: number, file: 'stat' | 'environ'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return undefined
  }
}
