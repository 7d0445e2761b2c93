import { readFileSync } from 'node:fs'
import type { Controlled } from '@zerodrop/core/keeper'
import { Failure } from './fail.ts'

/** Whether the process exists and this user may signal it. */
export function maySignal(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

export function isRunning(pid: number): boolean {
  const status = statusOf(pid)
  return status !== undefined && !hasEnded(status)
}

export function hasEnded(status: string): boolean {
  return /^State:\s*[ZX]/m.test(status)
}

export function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    if (process.platform === 'linux') return undefined
    throw new Failure(`Without a keeper, this needs Linux. Use "kill -HUP ${pid}" or "kill ${pid}".`)
  }
}

/** Whether the process has replaced its program with the keeper (exec). */
export function isKeeper({ pid }: Controlled): boolean {
  try {
    return /\0[^\0]*[\\/]keeper[\\/]adopt\.js\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false
  }
}

/** The arguments after `zerodrop run`, if the process runs that command. */
export function runArguments(pid: number): string[] | undefined {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
    const run = args.indexOf('run')
    return /(?:^|[\\/])(?:zerodrop|bin\.cjs)$/.test(args[run - 1] ?? '') ? args.slice(run + 1) : undefined
  } catch {
    return undefined
  }
}
