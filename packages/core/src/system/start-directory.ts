import path from 'node:path'
import { realPath, workingDirectory } from './real-path.ts'
import type { Words } from './words.ts'

/** The directory in which this process was started, under its possible names. */
export class StartDirectory {
  /** The kernel's name, without symlinks. */
  readonly physical: string
  /** The shell's name: through a `current` symlink it leads to the new release once the symlink has moved. */
  readonly logical: string

  constructor({ script }: Words) {
    const shell = process.env['PWD']
    const shells = shell === undefined ? undefined : realPath(shell)
    this.physical = physicalDirectory(script, shells)
    this.logical = shell !== undefined && shells === this.physical ? shell : this.physical
  }

  /** The directory in which to start a successor: the current name if the directory has moved. */
  get current(): string {
    return (
      [this.logical, this.physical, workingDirectory()].find((each) => each && realPath(each)) ?? this.logical
    )
  }
}

/**
 * The application may have left it with `process.chdir()`. Node has used it to make the script's path
 * absolute, so for a script with a relative path, the two together show the directory.
 * @param shells the shell's directory, which is out of date if the directory has changed since
 */
function physicalDirectory(script: string | undefined, shells: string | undefined): string {
  const now = workingDirectory()
  const absolute = process.argv[1]
  const fallback = now ?? shells ?? path.dirname(absolute ?? process.execPath)
  if (script === undefined || absolute === undefined || path.isAbsolute(script)) return fallback
  const suffix = path.sep + path.normalize(script)
  const candidates = [now, shells, absolute.endsWith(suffix) ? absolute.slice(0, -suffix.length) : undefined]
  return candidates.find((each) => each !== undefined && path.resolve(each, script) === absolute) ?? fallback
}
