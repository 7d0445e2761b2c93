import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { constants } from 'node:os'

/** `started`, in clock ticks of the kernel, distinguishes a process from a later process with the same pid. */
export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  readonly session: number
  readonly started: number
}

export function pids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
}

/** The live process with this pid. A zombie holds no socket and no memory, so it counts as gone. */
export function processEntry(pid: number): ProcessEntry | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The second field, the command, is in parentheses and may contain spaces and parentheses.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined
  return {
    pid,
    parent: Number(fields[1]),
    session: Number(fields[3]),
    started: Number(fields[19]),
  }
}

export function hasInEnvironment(pid: number, entry: string): boolean {
  return read(`/proc/${pid}/environ`)?.split('\0').includes(entry) ?? false
}

/**
 * The descriptor on which a server inherits its mark. At its start Node sets close-on-exec on the descriptors up to 15, and on
 * those that follow without a gap. The gap before 19 lets the children of a Node server inherit the mark too.
 * https://github.com/nodejs/node/blob/v20.20.0/deps/uv/src/unix/core.c (uv_disable_stdio_inheritance)
 */
export const MARK_DESCRIPTOR = 19

export function hasOpenAsMark(pid: number, name: string): boolean {
  return link(`/proc/${pid}/fd/${MARK_DESCRIPTOR}`).includes(name)
}

export function commandLineOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`)?.split('\0').join(' ').trim() ?? ''
}

/** The pending signals of the process, as a bit mask. */
export function pendingSignals(pid: number): bigint {
  const mask = read(`/proc/${pid}/status`)?.match(/^ShdPnd:\s*([0-9a-f]+)$/m)?.[1]
  return mask === undefined ? 0n : BigInt(`0x${mask}`)
}

/** Whether the process has a handler for the signal. */
export function handles(pid: number, signal: NodeJS.Signals): boolean {
  const mask = read(`/proc/${pid}/status`)?.match(/^SigCgt:\s*([0-9a-f]+)$/m)?.[1]
  return mask !== undefined && (BigInt(`0x${mask}`) & (1n << BigInt(constants.signals[signal] - 1))) !== 0n
}

/** Whether every thread of the process is stopped, as SIGSTOP leaves it. */
export function isStopped(pid: number): boolean {
  const state = read(`/proc/${pid}/status`)?.match(/^State:\s*(\S)/m)?.[1]
  return state === undefined || state === 'T' || state === 'Z'
}

/**
 * What a sleeping process has done so far, as a string that changes when it wakes up. Undefined while it runs.
 */
export function activityOf(pid: number): string | undefined {
  const status = read(`/proc/${pid}/status`)
  const state = status?.match(/^State:\s*(\S)/m)?.[1]
  if (status === undefined || state === 'Z' || state === 'X') return 'ended'
  return state === 'S' ? status.match(/^(non)?voluntary_ctxt_switches:.*$/gm)?.join(' ') : undefined
}

/** The inodes of the sockets that a process has open. */
export function socketInodes(pid: number): Set<number> {
  const inodes = new Set<number>()
  for (const name of list(`/proc/${pid}/fd`)) {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${name}`)) ?? []
    if (inode !== undefined) inodes.add(Number(inode))
  }
  return inodes
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // The process has ended, or belongs to another user.
    return undefined
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}
