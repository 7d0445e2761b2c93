import { commandOf, processStat } from './process-stat.ts'
import { waitingProgram } from './waiting-programs.ts'

/** Who relies on the pid of this process: the service ends with it, as far as they know. */
export type PidUser = 'container' | 'systemd' | 'reaper' | 'package manager' | 'terminal'

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
    const waiting = waitingProgram(commandOf(parent))
    if (waiting !== 'shell') {
      if (waiting !== undefined) return waiting
      break
    }
    top = parent
    parent = processStat(top)?.parent ?? 0
  }
  const isJob = own !== undefined && own.terminal !== 0 && own.group === top && own.foreground === own.group
  return isJob ? 'terminal' : undefined
}
