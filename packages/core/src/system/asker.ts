import { appendFileSync, lstatSync } from 'node:fs'
import path from 'node:path'
import type { Asker } from './system.ts'
import { askPath, thisProcess } from './control-path.ts'

/**
 * The messages, one line of JSON each, that a process writes to the file of a process that waits for a
 * restart.
 */
export type Said =
  | { readonly seen: true }
  | { readonly result: unknown }
  | { readonly error: { readonly code?: unknown; readonly message: string; readonly stderr?: unknown } }

/**
 * The process that has requested a restart of this process with a signal and waits for the outcome;
 * undefined if there is none.
 * @param env the environment that this process was started with
 */
export function waitingAsker(env: Readonly<NodeJS.ProcessEnv>): Asker | undefined {
  const file = askPath(thisProcess(env))
  if (!isTrusted(file)) return undefined
  const say = (said: Said): void => {
    try {
      appendFileSync(file, `${JSON.stringify(said)}\n`, { flag: 'a' })
    } catch {
      // The waiting process has given up.
    }
  }
  say({ seen: true })
  return {
    succeeded: (result) => say({ result }),
    failed(error) {
      const {
        code,
        message = String(error),
        stderr,
      } = error as Partial<Record<'code' | 'stderr', unknown>> & {
        message?: string
      }
      say({ error: { code, message, stderr } })
    },
  }
}

/** Whether a file is not a link, and lies where only this user and root can create files. */
function isTrusted(file: string): boolean {
  try {
    const users = [process.getuid?.(), 0]
    const [folder, own] = [lstatSync(path.dirname(file)), lstatSync(file)]
    return (
      own.isFile() && users.includes(own.uid) && users.includes(folder.uid) && (folder.mode & 0o022) === 0
    )
  } catch {
    return false
  }
}
