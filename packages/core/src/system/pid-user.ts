import { commandOf, processStat } from './process-stat.ts'
import { waitingProgram } from './waiting-programs.ts'

/** The programs that rely on the pid of this process: to them, the service ends with this pid. */
export type PidUser = 'container' | 'systemd' | 'reaper' | 'package manager' | 'terminal'

/** The depth limit, for example for a shell that runs a script in a script. */
const deepest = 5

/** Finds the program that relies on the pid now; undefined if none is found. */
export function pidUser(): PidUser | undefined {
  const { pid, env } = process
  const own = processStat(pid)
  /** This process, or the outermost shell that waits for it. */
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
