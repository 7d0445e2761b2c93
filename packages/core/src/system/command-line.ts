import { realpathSync } from 'node:fs'
import path from 'node:path'
import type { CommandLine } from './system.ts'

/** Records how this process was started, in terms that can be looked up again later. Call it as early as possible. */
export function recordCommandLine(): CommandLine {
  const physical = process.cwd()
  const cwd = logicalDirectory(physical)
  const [script, ...args] = process.argv.slice(1)
  const env = { ...process.env }
  return {
    command: nodeBinary(),
    args: [
      ...process.execArgv,
      ...(script === undefined ? [] : [throughLink(script, physical, cwd)]),
      ...args,
    ],
    cwd,
    env,
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
