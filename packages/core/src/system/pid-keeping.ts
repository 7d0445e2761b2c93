import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { keeperObstacle, type Replacement, replaceAtExit } from './become-keeper.ts'
import type { RecordedCommandLine } from './command-line.ts'
import { adoptVariableName, comingVariableName, keeperVersion } from './keeper-protocol.ts'
import { pidUser, realProcessTable } from './pid-user.ts'
import { isAwaitedAt, newRendezvous, type Rendezvous } from './rendezvous.ts'
import { forSuccessor } from './start-environment.ts'
import type { PidKeeping } from './system.ts'
import { unitProperty } from './systemd-unit.ts'

export interface RealPidKeeping extends PidKeeping {
  /** The environment variables for a successor whose keeper this process becomes. */
  variables(): NodeJS.ProcessEnv
  /** Notes that this successor has started. */
  started(child: ChildProcess): void
}

/** @param starter the keeper or the predecessor that started this process; undefined if it was another program */
export function realPidKeeping(
  commandLine: RecordedCommandLine,
  writeError: (line: string) => void,
  starter: number | undefined,
): RealPidKeeping {
  // Read now, when the starter is most likely still there.
  const processes = realProcessTable(starter)
  let rendezvous: Rendezvous | undefined
  // Loaded on demand: node:crypto would take two milliseconds of a server's start.
  const current = (): Rendezvous => (rendezvous ??= newRendezvous())
  let successor: ChildProcess | undefined
  let begun = false
  return {
    get user() {
      return pidUser(processes)
    },
    obstacle: () => keeperObstacle(keeperFile(commandLine)),
    isAwaited: () => isAwaitedAt(current()),
    variables() {
      rendezvous = newRendezvous()
      const orders = { version: keeperVersion, pid: process.pid, ...rendezvous }
      return { [comingVariableName]: JSON.stringify(orders) }
    },
    started(child) {
      successor = child
    },
    begin(generation) {
      const orders = { ...current(), pid: successor?.pid, generation }
      begun = true
      const release = replaceAtExit(
        () => statusOf(successor) ?? keeperProgram(commandLine, JSON.stringify(orders)),
        (reason) =>
          writeError(
            `[zerodrop] pid ${process.pid}: could not become the keeper of pid ${successor?.pid}, which serves on under that pid: ${reason}`,
          ),
      )
      return () => {
        begun = false
        release()
      }
    },
    get begun() {
      return begun
    },
    unitPidFile: () => unitProperty('PIDFile'),
    get mayBeMain() {
      const first = process.env['SYSTEMD_EXEC_PID']
      return first !== undefined && first !== String(process.pid)
    },
    unitMainPid: async () => Number(await unitProperty('MainPID')) || undefined,
  }
}

/** The exit status of a process as a shell reports it; undefined if it has not ended. */
function statusOf(child: ChildProcess | undefined): number | undefined {
  const { exitCode = null, signalCode = null } = child ?? {}
  return signalCode === null ? (exitCode ?? undefined) : 128 + constants.signals[signalCode]
}

/** The file beside the serving release's preload: this process's release may be removed by then. */
function keeperFile(commandLine: RecordedCommandLine): string | undefined {
  const preload = commandLine.preload()
  if (preload === undefined) return undefined
  const file = path.join(path.dirname(preload), '../keeper/adopt.js')
  return existsSync(file) ? file : undefined
}

/** The arguments after the file only serve readers of a process list. */
function keeperProgram(commandLine: RecordedCommandLine, orders: string): Replacement {
  const file = keeperFile(commandLine)
  if (file === undefined) throw new Error('the file of the keeper is gone')
  const env = forSuccessor(commandLine.env)
  // They are meant for the application, which gets them in the environment of each generation.
  delete env['NODE_OPTIONS']
  delete env['NODE_V8_COVERAGE']
  return {
    file: commandLine.command(),
    args: [process.argv0, ...small, file, ...commandLine.words],
    cwd: commandLine.cwd,
    env: { ...env, [adoptVariableName]: orders },
  }
}

/**
 * A keeper does almost nothing: without these options, V8 would let its heap grow before it collects garbage.
 */
const small = ['--max-semi-space-size=1', '--max-old-space-size=64']
