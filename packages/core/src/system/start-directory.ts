import path from 'node:path'
import { realPath, workingDirectory } from './real-path.ts'
import type { Words } from './words.ts'

/** The directory in which this process was started, by the names that it can have. */
export class StartDirectory {
  /** As the kernel had it, without symlinks. */
  readonly physical: string
  /** As the shell had it: through a `current` symlink it leads to the new release once that was moved. */
  readonly logical: string

  constructor({ script }: Words) {
    const shell = process.env['PWD']
    const shells = shell === undefined ? undefined : realPath(shell)
    this.physical = physicalDirectory(script, shells)
    this.logical = shell !== undefined && shells === this.physical ? shell : this.physical
  }

  /** Where a successor is to be started: if the directory has been moved, where it is now. */
  get current(): string {
    return (
      [this.logical, this.physical, workingDirectory()].find((each) => each && realPath(each)) ?? this.logical
    )
  }
}

/**
 * The application may have left it by `process.chdir()`. Node has made the script absolute by it, so where the script
 * was typed as a relative path the two together tell what it was.
 * @param shells where the shell was, which is out of date if something else has changed the directory since
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
