import { randomBytes } from 'node:crypto'
import { linkSync, renameSync, unlinkSync } from 'node:fs'
import path from 'node:path'

/**
 * How much of a file's name to repeat in a temporary name beside it, because a Unix socket's path is short.
 */
const shown = 8

/** An unguessable name in the same folder. */
export function nameBeside(file: string): string {
  return path.join(
    path.dirname(file),
    `.${path.basename(file).slice(0, shown)}-${randomBytes(5).toString('hex')}`,
  )
}

/**
 * Removes a file if it is this process's. Another process can replace it at any moment, even between the
 * check and the removal. So the file is renamed first, and checked again under its new name. If it belongs
 * to another process, it is renamed back, unless there is a newer file by then.
 * @returns false if the file belongs to another process; true if it was removed or did not exist
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
 * @returns false if it is taken
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
