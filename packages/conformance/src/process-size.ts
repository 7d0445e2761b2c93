import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessSize {
  /** Bytes of resident memory. */
  readonly memory: number
  /** Open descriptors, connections included. */
  readonly descriptors: number
}

/** How much a process holds; undefined where there is no /proc to say so. */
export function sizeOf(pid: number): ProcessSize | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    if (kilobytes === undefined) return undefined
    return { memory: Number(kilobytes) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length }
  } catch {
    return undefined
  }
}
