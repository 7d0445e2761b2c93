import { readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { inheritVariableName } from './boot.ts'
import type { CommandLine } from './system.ts'

/** A command line whose environment can still lose what is for this process alone. */
interface RecordedCommandLine extends CommandLine {
  readonly env: NodeJS.ProcessEnv
}

/** Records how this process was started, in terms that can be looked up again later. Call it as early as possible. */
export function recordCommandLine(): RecordedCommandLine {
  const physical = process.cwd()
  const cwd = logicalDirectory(physical)
  const [script, ...args] = process.argv.slice(1)
  const execArgv = [...process.execArgv]
  const named = script === undefined ? undefined : throughLink(script, physical, cwd)
  const own = path.join(__dirname, 'preload.js')
  const preload = named === undefined ? own : besideScript(own, script as string, named)
  return {
    command: nodeBinary(),
    args: () => [...preloading(preload, own), ...execArgv, ...(named === undefined ? [] : [named]), ...args],
    cwd,
    env: startEnvironment(),
  }
}

/**
 * The file of the release that the script belongs to, by its real path: worker threads of the successor look it up as
 * well, for as long as that lives, and the release of this process may be removed by then. A release that has it
 * elsewhere is given ours; without that it starts without one, and loses only what it is for.
 */
function preloading(file: string, own: string): string[] {
  const found = realpath(file) ?? realpath(own)
  return found === undefined ? [] : ['--require', found]
}

/** Where a file lies as seen from the script, by the name under which the script was started. */
function besideScript(file: string, script: string, named: string): string {
  const real = realpath(script)
  return real === undefined ? file : path.join(path.dirname(named), path.relative(path.dirname(real), file))
}

/** What Node has put into the environment of this process for itself alone. */
const ownVariables = [
  inheritVariableName,
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
]

/**
 * The variables this process was given, not what has changed in them since: Node puts the content of an `--env-file`
 * there, and prefers a variable that is there to the one in the file, so a successor would never see the new content.
 */
function startEnvironment(): NodeJS.ProcessEnv {
  const env = given() ?? { ...process.env }
  for (const name of ownVariables) delete env[name]
  return env
}

/** Linux keeps them. It does not show them to a process that has changed its user. */
function given(): NodeJS.ProcessEnv | undefined {
  try {
    const entries = readFileSync('/proc/self/environ', 'utf8').split('\0').slice(0, -1)
    return Object.fromEntries(
      entries.map((entry) => {
        const end = entry.indexOf('=', 1)
        return [entry.slice(0, end), entry.slice(end + 1)]
      }),
    )
  } catch {
    return undefined
  }
}

/** The shell's view of the working directory, which keeps the symlinks that `process.cwd()` has resolved. */
function logicalDirectory(physical: string): string {
  const shell = process.env['PWD']
  return shell !== undefined && realpath(shell) === physical ? shell : physical
}

/** Node makes `argv[1]` absolute with the physical directory; a moved symlink is only seen through the logical one. */
function throughLink(script: string, physical: string, logical: string): string {
  const inside = path.relative(physical, script)
  return physical === logical || inside.startsWith('..') || path.isAbsolute(inside)
    ? script
    : path.join(logical, inside)
}

/**
 * `execPath` is a resolved path: with a version manager it keeps naming the old binary for ever. What was typed is
 * looked up again instead, if it leads to this very binary now.
 */
function nodeBinary(): () => string {
  const { argv0, execPath } = process
  const candidates = argv0.includes(path.sep)
    ? [path.resolve(argv0)]
    : (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, argv0))
  const typed = candidates.find((candidate) => realpath(candidate) !== undefined)
  if (typed === undefined || realpath(typed) !== realpath(execPath)) return () => execPath
  return () => (realpath(typed) === undefined ? execPath : typed)
}

function realpath(file: string): string | undefined {
  try {
    return realpathSync(file)
  } catch {
    return undefined
  }
}
