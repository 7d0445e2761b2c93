import { chmodSync, renameSync, unlinkSync } from 'node:fs'
import type { ListenOptions, Server } from 'node:net'
import { platform } from 'node:os'
import path from 'node:path'
import { statusOf } from '../system/file-status.ts'

/** The longest path a socket can be bound to, in bytes: `sun_path` has 104 on BSD and macOS, 108 on Linux. */
const longest = 103

/**
 * A Unix socket's path, looked after so that it exists throughout: from the first generation to the last one's stop.
 *
 * The process that bound a path unlinks it when it closes the socket, whoever serves on it by then
 * (https://github.com/nodejs/node/issues/19729). A socket that was bound under another name and renamed leaves libuv
 * nothing to unlink. Renaming also puts it in the place of a stale file that a crash has left.
 */
export class UnixPath {
  readonly path: string
  readonly #isServed: (file: string) => boolean
  /** The name it was bound under; undefined if it was bound elsewhere, by a predecessor or by Node. */
  #temporary: string | undefined
  #mode = 0
  #inode: bigint | undefined

  /** @param isServed whether a server answers on a path */
  constructor(file: string, isServed: (file: string) => boolean) {
    this.path = file
    this.#isServed = isServed
  }

  /** Names that begin with NUL are in the kernel only: there is no file to look after. */
  get #abstract(): boolean {
    return this.path.startsWith('\0')
  }

  /** Has `listen()` bind another name, if that is possible and nobody is using this one. The caller undoes the change. */
  divert(options: ListenOptions): void {
    const temporary = path.join(
      path.dirname(this.path),
      `.${path.basename(this.path).slice(0, 8)}-${nextName()}`,
    )
    if (this.#abstract || platform() === 'win32' || Buffer.byteLength(temporary) > longest || !this.#isFree())
      return
    this.#temporary = temporary
    // Node changes the mode under the name that was bound, which is gone by then.
    this.#mode = (options.readableAll === true ? 0o444 : 0) | (options.writableAll === true ? 0o222 : 0)
    Object.assign(options, { path: temporary, readableAll: false, writableAll: false })
  }

  /** The server listens. Throws what the file system does. */
  settle(server: Server): void {
    if (this.#temporary !== undefined) {
      if (this.#mode !== 0) chmodSync(this.#temporary, Number(statusOf(this.#temporary)?.mode) | this.#mode)
      renameSync(this.#temporary, this.path)
    }
    // What `address()` returns: after the descriptor of an inherited socket Node does not know its path.
    ;(server as { _pipeName?: string })._pipeName = this.path
    this.#inode = this.#abstract ? undefined : inodeOf(this.path)
  }

  /** The server could not listen. Makes the error speak of the path that was asked for. */
  giveUp(error: Error & { address?: string }): void {
    if (this.#temporary === undefined) return
    error.message = error.message.replace(this.#temporary, this.path)
    if (error.address === this.#temporary) error.address = this.path
  }

  /** The last generation has stopped: removes the file, unless it is someone else's by now. */
  remove(): void {
    removeSocketFile(this.path, this.#inode)
    this.#inode = undefined
  }

  /** True if there is nothing, or a socket on which nobody listens any more. Otherwise Node says what is wrong. */
  #isFree(): boolean {
    const stats = statusOf(this.path)
    return stats === undefined || (stats.isSocket() && !this.#isServed(this.path))
  }
}

let names = 0

function nextName(): string {
  return `${performance.timeOrigin.toString(36).slice(-6)}${(names++).toString(36)}`
}

/** A file by which a socket is reached, and which one it was: another process may have put its own there. */
export interface SocketFile {
  readonly file: string
  readonly inode: bigint | undefined
}

export function inodeOf(file: string): bigint | undefined {
  return statusOf(file)?.ino
}

/** Removes a socket's file, unless it is someone else's by now. */
export function removeSocketFile(file: string, inode: bigint | undefined): void {
  if (inode !== undefined && inodeOf(file) === inode) unlinkSync(file)
}
