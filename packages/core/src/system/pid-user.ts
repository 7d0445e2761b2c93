import path from 'node:path'
import { commandOf, processStat } from './process-stat.ts'

/** Who relies on the pid of this process: the service ends with it, as far as they know. */
export type PidUser = 'container' | 'systemd' | 'reaper' | 'package manager' | 'terminal'

const shells = new Set(['sh', 'dash', 'bash', 'ash', 'ksh', 'zsh', 'busybox'])

/** Programs that are process 1 in the place of a container's command, and end with it. */
const reapers = new Set(['tini', 'tini-static', 'docker-init', 'dumb-init', 'catatonit'])

/** npm's title is its command line. */
const packageManager = /^(npm|pnpm|yarn)(-cli)?(-\d[\w.-]*)?(\.c?js)?( .*)?$/

/** A shell that runs a script in a script, say. */
const deepest = 5

/** Looks who relies on it now; undefined if nobody does, as far as can be seen. */
export function pidUser(): PidUser | undefined {
  const { pid, env } = process
  const own = processStat(pid)
  /** This process, or the outermost of the shells that wait for it. */
  let top = pid
  let parent = own?.parent ?? 0
  for (let depth = 0; depth < deepest; depth++) {
    if (top === 1) return 'container'
    // https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#%24SYSTEMD_EXEC_PID
    if (env['SYSTEMD_EXEC_PID'] === String(top)) return 'systemd'
    const words = commandOf(parent)
    if (isReaper(words)) return 'reaper'
    if (isPackageManager(words)) return 'package manager'
    if (!isScripted(words)) break
    top = parent
    parent = processStat(top)?.parent ?? 0
  }
  const isJob = own !== undefined && own.terminal !== 0 && own.group === top && own.foreground === own.group
  return isJob ? 'terminal' : undefined
}

function isReaper([program = '']: readonly string[]): boolean {
  return reapers.has(path.basename(program))
}

function isPackageManager(words: readonly string[]): boolean {
  return words.slice(0, 2).some((word) => packageManager.test(path.basename(word)))
}

/** A shell that was given what to run. One at which a person types goes on by itself. */
function isScripted([program = '', ...words]: readonly string[]): boolean {
  if (!shells.has(path.basename(program).replace(/^-/, ''))) return false
  return words.some((word) => !word.startsWith('-') || /^-[a-z]*c$/.test(word))
}
