import { inheritVariableName } from './boot.ts'
import type { recordCommandLine } from './command-line.ts'
import type { KeptProgram } from './found-program.ts'
import type { KeeperLink } from './keeper-link.ts'
import { spawnUntold } from './node-internals.ts'
import { ParentChannel } from './parent-channel.ts'
import type { realPidKeeping } from './pid-keeping.ts'
import { forSuccessor } from './start-environment.ts'
import type { System } from './system.ts'

/** The data of this process from which a successor is started. */
export interface SpawnParts {
  readonly commandLine: ReturnType<typeof recordCommandLine>
  readonly pidKeeping: ReturnType<typeof realPidKeeping>
  readonly serviceManager: System['serviceManager']
  readonly parent: ParentChannel | undefined
  /** The keeper that starts it instead, if any. */
  readonly keeper: () => KeeperLink | undefined
}

/** Makes the function that starts a successor: the same command line, in the environment of this process's start. */
export function successorSpawner(parts: SpawnParts): System['spawn'] {
  const { commandLine, parent, pidKeeping, serviceManager } = parts
  return (listeners, environment, isKept = false) => {
    const { args, env } = commandLine.start(forSuccessor(environment))
    const stdio = ['inherit', 'inherit', 'inherit', ...listeners.map(({ fd }) => fd), 'ipc'] as const
    const program: KeptProgram = {
      file: commandLine.command(),
      args: [process.argv0, ...args],
      cwd: commandLine.cwd,
      script: commandLine.script,
      env: {
        ...env,
        [inheritVariableName]: environment[inheritVariableName],
        // If this process does not notify systemd, its successor must not either.
        ...(serviceManager?.variables ?? { NOTIFY_SOCKET: undefined }),
        ...(isKept && pidKeeping.variables()),
      },
    }
    const keeper = parts.keeper()
    if (keeper?.connected === true)
      return keeper.start(
        program,
        listeners.map(({ bound }) => bound),
      )
    const child = spawnUntold({
      ...program,
      env: { ...program.env, ...parent?.variables(stdio.length) },
      stdio: parent === undefined ? [...stdio] : [...stdio, parent.stdio],
    })
    if (child === undefined)
      throw new Error(`this version of Node (${process.version}) is not known to zerodrop`)
    if (parent !== undefined) ParentChannel.keep(child, stdio.length)
    if (isKept) pidKeeping.started(child)
    return child
  }
}
