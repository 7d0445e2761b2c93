import { type ChildProcess, execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { keeperObstacle, type Replacement, replaceAtExit } from './become-keeper.ts'
import type { RecordedCommandLine } from './command-line.ts'
import { adoptVariableName, comingVariableName, keeperVersion } from './keeper-protocol.ts'
import { pidUser } from './pid-user.ts'
import { isAwaitedAt, newRendezvous, type Rendezvous } from './rendezvous.ts'
import { forSuccessor } from './start-environment.ts'
import type { PidKeeping } from './system.ts'

/** How long systemd may take to tell of a unit, in milliseconds. */
const patience = 5000

export interface RealPidKeeping extends PidKeeping {
  /** What a successor is started with that is to be kept. */
  variables(): NodeJS.ProcessEnv
  /** That successor has been started. */
  started(child: ChildProcess): void
}

export function realPidKeeping(
  commandLine: RecordedCommandLine,
  writeError: (line: string) => void,
): RealPidKeeping {
  let rendezvous: Rendezvous = newRendezvous()
  let successor: ChildProcess | undefined
  let begun = false
  return {
    get user() {
      return pidUser()
    },
    obstacle: () => keeperObstacle(keeperFile(commandLine)),
    isAwaited: () => isAwaitedAt(rendezvous),
    variables() {
      rendezvous = newRendezvous()
      const orders = { version: keeperVersion, pid: process.pid, ...rendezvous }
      return { [comingVariableName]: JSON.stringify(orders) }
    },
    started(child) {
      successor = child
    },
    begin(generation) {
      const orders = { ...rendezvous, pid: successor?.pid, generation }
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
    unitPidFile,
  }
}

/** With which a process has ended, as a shell has it; undefined if it has not. */
function statusOf(child: ChildProcess | undefined): number | undefined {
  const { exitCode = null, signalCode = null } = child ?? {}
  return signalCode === null ? (exitCode ?? undefined) : 128 + constants.signals[signalCode]
}

/** Beside the preload of the release that serves: that of this process may be removed by then. */
function keeperFile(commandLine: RecordedCommandLine): string | undefined {
  const preload = commandLine.preload()
  if (preload === undefined) return undefined
  const file = path.join(path.dirname(preload), '../keeper/adopt.js')
  return existsSync(file) ? file : undefined
}

/** The words behind the file are for those who look at a list of processes. */
function keeperProgram(commandLine: RecordedCommandLine, orders: string): Replacement {
  const file = keeperFile(commandLine)
  if (file === undefined) throw new Error('the file of the keeper is gone')
  const env = forSuccessor(commandLine.env)
  // They are meant for the application, and reach it with the environment that each generation is started with.
  delete env['NODE_OPTIONS']
  delete env['NODE_V8_COVERAGE']
  return {
    file: commandLine.command(),
    args: [process.argv0, ...small, file, ...commandLine.words],
    cwd: commandLine.cwd,
    env: { ...env, [adoptVariableName]: orders },
  }
}

/** A keeper does next to nothing: without these V8 would let its heap grow before it collects. */
const small = ['--max-semi-space-size=1', '--max-old-space-size=64']

function unitPidFile(): Promise<string | undefined> {
  const unit = ownUnit()
  if (unit === undefined) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const args = ['show', '--property', 'PIDFile', '--value', unit]
    execFile('systemctl', args, { timeout: patience }, (error, stdout) => {
      const file = stdout.trim()
      resolve(error !== null || file === '' ? undefined : file)
    })
  })
}

/** The control group that systemd has put this process in is named after its unit. */
function ownUnit(): string | undefined {
  try {
    const groups = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
    return groups.map((group) => path.basename(group)).find((name) => name.endsWith('.service'))
  } catch {
    return undefined
  }
}
