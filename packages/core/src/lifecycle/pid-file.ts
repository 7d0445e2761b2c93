import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { nameBeside, removeOwnFile } from '../system/own-file.ts'

/** A file that always names the serving process. */
export class PidFile {
  readonly #pid: number

  constructor(pid: number) {
    this.#pid = pid
  }

  /**
   * Makes the file name this process. A concurrent reader sees the old content or the new, never a part of
   * it.
   * @throws `ERR_ZERODROP_PID_FILE_FAILED`
   */
  write(file: string): void {
    // In the same folder, because a rename is only atomic within one file system.
    const temporary = nameBeside(file)
    try {
      // Other users who may write to the folder could plant a symlink of that name: `wx` does not follow it.
      writeFileSync(temporary, `${this.#pid}\n`, { flag: 'wx', mode: 0o644 })
      renameSync(temporary, file)
    } catch (cause) {
      rmSync(temporary, { force: true })
      throw new ZerodropError(
        'ERR_ZERODROP_PID_FILE_FAILED',
        `This process serves, but could not say so in the pid file: ${(cause as Error).message}. ` +
          'Create its folder, and let the user of this process write there.',
        { cause },
      )
    }
  }

  /** Removes the file, unless it names another process by now. */
  remove(file: string): void {
    try {
      removeOwnFile(file, (own) => Number(readFileSync(own, 'utf8')) === this.#pid)
    } catch {
      // Not ours to remove: the next process writes it again.
    }
  }
}
