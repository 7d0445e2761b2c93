import { commandOf, executableOf, nameOf, type ProcessStat, processStat } from './process-stat.ts'
import { isShell, runsFile, type WaitingProgram, waitingProgram } from './waiting-programs.ts'

/** The programs that rely on the pid of this process: to them, the service ends with this pid. */
export type PidUser =
  | 'container'
  | 'systemd'
  | 'reaper'
  | 'supervisor'
  | 'package manager'
  | 'terminal'
  | 'shell script'
  | 'program'

/** The processes of this machine, as a process sees them. */
export interface ProcessTable {
  readonly pid: number
  /** The process that started this one. It may have died since, and another process may be the parent now. */
  readonly starter: number
  readonly env: NodeJS.ProcessEnv
  stat(pid: number): Pick<ProcessStat, 'parent' | 'group' | 'session' | 'terminal' | 'foreground'> | undefined
  command(pid: number): readonly string[]
  /** The name of the program's file. */
  executable(pid: number): string | undefined
  /** The name that the kernel knows a process by. */
  name(pid: number): string | undefined
}

/**
 * The processes of the system.
 * @param starter undefined if it is only known who the parent is now
 */
export function realProcessTable(starter: number = process.ppid): ProcessTable {
  return {
    pid: process.pid,
    starter,
    env: process.env,
    stat: processStat,
    command: commandOf,
    executable: executableOf,
    name: nameOf,
  }
}

/** The depth limit, for example for a package manager's script that starts another one. */
const deepest = 20

/**
 * Finds the program that relies on the pid now; undefined if none is found. A parent that lives waits for its child,
 * except for shells at which a person types, and for Node programs that nothing is known of.
 */
export function pidUser(table: ProcessTable): PidUser | undefined {
  const { pid, env, starter } = table
  const own = table.stat(pid)
  /** This process, or the outermost program that waits for it. */
  let top = pid
  let found: 'package manager' | 'shell script' | 'program' | undefined
  /** Whether all that waits are shells with a given command, which end with it. */
  let isCommand = true
  /** Whether the terminal's job is this process and programs that wait for it. */
  let isWhole = own?.group === pid
  for (let depth = 0; depth < deepest; depth++) {
    if (top === 1) return 'container'
    // https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#%24SYSTEMD_EXEC_PID
    if (env['SYSTEMD_EXEC_PID'] === String(top)) return 'systemd'
    const parent = table.stat(top)?.parent
    // The program that started this process has ended, and no other program has ever known its pid.
    if (parent === undefined || (top === pid && parent !== starter)) break
    // The parent is outside: this is the first process of a container that shares its pids with other containers.
    if (parent === 0) return 'container'
    const waits = waitsFor(table, parent, top)
    if (waits === 'reaper' || waits === 'supervisor') return waits
    if (waits === 'nobody') break
    if (waits === 'init') {
      found ??= 'program'
      break
    }
    if (waits === 'a program') {
      if (isCommand) found = undefined
      break
    }
    if (waits === 'a person') {
      isWhole = true
      break
    }
    if (waits === 'package manager') found = waits
    else found ??= waits === 'shell' ? 'shell script' : waits
    isCommand &&= waits === 'shell' && !runsFile(table.command(parent))
    top = parent
    isWhole ||= own?.group === top
  }
  const isJob = own !== undefined && own.terminal !== 0 && own.foreground === own.group && isWhole
  return isJob && found !== 'package manager' ? 'terminal' : found
}

/** What a process is to its child. */
function waitsFor(
  table: ProcessTable,
  pid: number,
  child: number,
): WaitingProgram | 'init' | 'a person' | 'a program' | 'nobody' {
  const words = table.command(pid)
  const waits = waitingProgram(words, table.executable(pid))
  if (waits === 'reaper' || waits === 'supervisor') return waits
  const name = table.name(pid)
  // It is recognised by its variable, and adopts processes whose parent has ended.
  if (name === 'systemd') return 'nobody'
  // It starts processes from its table and adopts daemons that boot scripts have started. They look the same.
  if (pid === 1 && name === 'init') return 'init'
  // It also adopts processes whose parent has ended. Those are in another session.
  if (pid === 1 && table.stat(pid)?.session !== table.stat(child)?.session) return 'nobody'
  if (waits !== undefined) return waits
  if (isShell(words))
    // A shell at which a person types gives each job a process group. Only its subshells share its own.
    return table.stat(pid)?.group === table.stat(child)?.group ? 'shell' : 'a person'
  // A container may have any program as its number 1, and ends with it.
  if (pid === 1) return 'program'
  return words.length > 0 ? 'a program' : 'nobody'
}
