import { randomBytes } from 'node:crypto'
import { linkSync, renameSync, unlinkSync } from 'node:fs'
import path from 'node:path'

/** The longest part of a file's name that is repeated in a name beside it: a Unix socket's path is short. */
const shown = 8

/** A name in the same folder that nobody can guess. */
export function nameBeside(file: string): string {
  return path.join(
    path.dirname(file),
    `.${path.basename(file).slice(0, shown)}-${randomBytes(5).toString('hex')}`,
  )
}

/**
 * Removes a file if it is this process's. Another process can put its own in that place at any moment, also between the
 * look and the removal: so the file is taken aside first, by a rename, and looked at again there. If it is another's after
 * all it is put back, unless there is a newer one by then.
 * @returns false if the file is another's; true if it is removed, or was not there
 * @throws what the file system does
 */
export function removeOwnFile(file: string, isOwn: (file: string) => boolean): boolean {
  const aside = nameBeside(file)
  try {
    if (!isOwn(file)) return false
    renameSync(file, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true
    throw error
  }
  const own = isOwn(aside)
  if (!own) linkIfFree(aside, file)
  unlinkSync(aside)
  return own
}

/**
 * Gives a file a second name, in one step that fails if that name is taken.
 * @returns false if it is
 * @throws what the file system does
 */
export function linkIfFree(file: string, name: string): boolean {
  try {
    linkSync(file, name)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code
}
