import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { ZerodropError } from '../errors/zerodrop-error.ts'

/** A file that always names the process that serves. */
export class PidFile {
  readonly #pid: number

  constructor(pid: number) {
    this.#pid = pid
  }

  /**
   * Makes the file name this process. Whoever reads it meanwhile sees the old content or the new, never half of it.
   * @throws `ERR_ZERODROP_PID_FILE_FAILED`
   */
  write(file: string): void {
    // In the same folder, since a rename is atomic within a file system only.
    const temporary = `${file}.${this.#pid}`
    try {
      writeFileSync(temporary, `${this.#pid}\n`)
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
      if (Number(readFileSync(file, 'utf8')) === this.#pid) rmSync(file, { force: true })
    } catch {
      // Not there, or not ours to remove: the next process writes it anew.
    }
  }
}
