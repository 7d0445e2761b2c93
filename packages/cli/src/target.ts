import { readFileSync, readlinkSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Controlled } from '@zerodrop/core/keeper'
import { Failure } from './fail.ts'
import { runArguments } from './proc.ts'
import { controlPath, namedSocket, thisProcess } from './required.ts'

/** The server that a command addresses. */
export interface Target {
  /** The path of its keeper's control socket. The server may have no keeper. */
  readonly socket: string
  /** Undefined if only the socket is known. */
  readonly process: Controlled | undefined
}

export function targetOf(pid: string | undefined, control: string | undefined): Target {
  if (control !== undefined) return { socket: usable(control), process: undefined }
  // systemd sets both for `ExecReload=`.
  const { RUNTIME_DIRECTORY: runtime, MAINPID: main } = process.env
  const named = pid ?? (main === '' ? undefined : main)
  if (named === undefined && runtime === undefined)
    throw new Failure(
      'Say which server: its pid, or --control with the path that "zerodrop run" was given.',
      {
        status: 2,
      },
    )
  if (named === undefined) return { socket: usable(controlPath(thisProcess())), process: undefined }
  if (!/^[1-9]\d*$/.test(named)) throw new Failure(`A pid is a whole number, not "${named}".`, { status: 2 })
  const seen = lookAt(Number(named))
  return { socket: usable(controlOf(seen.pid) ?? controlPath(seen)), process: seen }
}

function usable(socket: string): string {
  try {
    return namedSocket(socket)
  } catch (error) {
    throw new Failure((error as Error).message, { status: 2 })
  }
}

/** The options of `zerodrop run` that take a value as an argument of their own. */
const valued: ReadonlySet<string> = new Set(['--node-option', '--max-crashes', '--on-keeper-death'])

/** The value of `--control` if the process is a `zerodrop run`. */
function controlOf(pid: number): string | undefined {
  try {
    const control = controlAmong(runArguments(pid) ?? [])
    return control === undefined ? undefined : path.resolve(readlinkSync(`/proc/${pid}/cwd`), control)
  } catch {
    // There is no /proc, or the process belongs to another user.
    return undefined
  }
}

function controlAmong([flag, ...rest]: readonly string[]): string | undefined {
  if (flag?.startsWith('--') !== true || flag === '--') return undefined
  if (flag === '--control') return rest[0]
  if (flag.startsWith('--control=')) return flag.slice('--control='.length)
  return controlAmong(valued.has(flag) ? rest.slice(1) : rest)
}

/** The process to signal. */
export function processOf({ process: seen }: Target): Controlled {
  if (seen === undefined) throw new Error('only the socket of the server is known')
  return seen
}

/** Reads the user and the environment of the process, which determine the path of its socket. */
function lookAt(pid: number): Controlled {
  const own = { ...thisProcess(), pid }
  try {
    const { uid } = statSync(`/proc/${pid}`)
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').slice(0, -1)
    const env = Object.fromEntries(
      entries.map((entry) => {
        const end = entry.indexOf('=', 1)
        return [entry.slice(0, end), entry.slice(end + 1)]
      }),
    )
    return { pid, uid, env }
  } catch {
    // There is no /proc, or the process belongs to another user.
    return own
  }
}
