import { appendFileSync, lstatSync } from 'node:fs'
import path from 'node:path'
import type { Asker } from './system.ts'
import { askPath, thisProcess } from './control-path.ts'

/** What a process writes into the file of one who waits for the outcome of a restart, as a line of JSON each. */
export type Said =
  | { readonly seen: true }
  | { readonly result: unknown }
  | { readonly error: { readonly code?: unknown; readonly message: string; readonly stderr?: unknown } }

/**
 * Who waits for the outcome of a restart of this process, which has been asked for by a signal; undefined if nobody does.
 * @param env what this process was started with
 */
export function waitingAsker(env: Readonly<NodeJS.ProcessEnv>): Asker | undefined {
  const file = askPath(thisProcess(env))
  if (!isTrusted(file)) return undefined
  const say = (said: Said): void => {
    try {
      appendFileSync(file, `${JSON.stringify(said)}\n`, { flag: 'a' })
    } catch {
      // Who waited has given up.
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

/** Not a link to something else, and where nobody but this user and root can put a file. */
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
