import path from 'node:path'
import { inheritVariableName } from './boot.ts'
import { movedPreload, preloadOf, withOtherPreload } from './preloading.ts'
import { realPath, workingDirectory } from './real-path.ts'

/** A program that a keeper may start more than once. */
export interface KeptProgram {
  readonly file: string
  /** The arguments; the first is the program's `argv[0]`. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<NodeJS.ProcessEnv>
  /** The script, absolute or relative to `cwd`; undefined if it is unknown. */
  readonly script?: string | undefined
}

/**
 * Records where the files of a program are, so that a keeper can start it again much later: in the meantime,
 * symlinks move to new releases, and old releases are removed.
 * @returns a function that resolves the paths again, and leaves the predecessor's data out
 */
export function programFinder(program: KeptProgram): () => KeptProgram {
  const preload = preloadOf(program)
  // A preload in an archive is invisible here, and stays as it is.
  const isVisible = preload !== undefined && realPath(preload) !== undefined
  const then = placeOf(program)
  return () => {
    const cwd = [program.cwd, workingDirectory()].find((each) => each && realPath(each)) ?? program.cwd
    const { [inheritVariableName]: _, ...env } = program.env
    const found = { ...program, cwd, file: binaryOf(program), env }
    if (!isVisible) return found
    // An application that imports zerodrop finds its keeper without a preload; a missing file would end it.
    return { ...found, ...withOtherPreload(found, preload, movedPreload(preload, then, placeOf(found))) }
  }
}

function placeOf({ cwd, script }: KeptProgram): string | undefined {
  return script === undefined ? realPath(cwd) : folderOf(path.resolve(cwd, script))
}

/** The real folder of a script, which can be named without its extension, and can be a symlink itself. */
export function folderOf(script: string): string | undefined {
  const real = realPath(script)
  return real === undefined ? realPath(path.dirname(script)) : path.dirname(real)
}

/** Another version of Node may have replaced the program's. */
function binaryOf({ file, args: [name = ''] }: KeptProgram): string {
  return [file, typedBinary(name), process.execPath].find((each) => each && realPath(each)) ?? file
}

/** The path of a program that was typed in this directory; undefined if there is none. */
function typedBinary(name: string, directory = ''): string | undefined {
  const candidates = name.includes(path.sep)
    ? [path.resolve(directory, name)]
    : (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder, name))
  return candidates.find((candidate) => realPath(candidate) !== undefined)
}

/**
 * This process's binary as it was typed, if that name leads to this binary now. `execPath` is a resolved
 * path: with a version manager it names the old binary forever.
 */
export function ownBinary(directory: string): string | undefined {
  const typed = typedBinary(process.argv0, directory)
  return typed !== undefined && realPath(typed) === realPath(process.execPath) ? typed : undefined
}

/** The names of this process's directory and binary that lead to newer ones once symlinks have moved. */
export function ownPlace(
  cwd: string,
  { PWD: shell }: Readonly<NodeJS.ProcessEnv>,
): Pick<KeptProgram, 'cwd' | 'file'> {
  const isShells = shell !== undefined && realPath(shell) === realPath(cwd)
  const directory = isShells ? shell : cwd
  return { cwd: directory, file: ownBinary(directory) ?? process.execPath }
}
