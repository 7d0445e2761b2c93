import { chmodSync, renameSync, unlinkSync } from 'node:fs'
import type { ListenOptions, Server } from 'node:net'
import { constants, platform } from 'node:os'
import { statusOf } from '../system/file-status.ts'
import { nameAddress } from '../system/node-internals.ts'
import { linkIfFree, nameBeside, removeOwnFile } from '../system/own-file.ts'
import type { System } from '../system/system.ts'
import type { Address } from './address.ts'

/** The longest path a socket can be bound to, in bytes: `sun_path` has 104 on BSD and macOS, 108 on Linux. */
const longest = 103

/**
 * Manages a Unix socket's path so that it exists from the first generation to the stop of the last one.
 *
 * The process that bound a path unlinks it when it closes the socket, even if another process serves on it
 * by then (https://github.com/nodejs/node/issues/19729). If a socket is bound under another name and renamed
 * afterwards, libuv has nothing to unlink. The rename can also replace a stale file that a crash has left,
 * and if several processes try it at the same time, only one succeeds.
 */
export class UnixPath {
  readonly path: string
  readonly #isServed: (file: string) => boolean
  /** The name under which it was bound; undefined if a predecessor or Node has bound it. */
  #temporary: string | undefined
  #mode = 0
  /** The stale file of a crashed process. */
  #stale: bigint | undefined
  #inode: bigint | undefined

  /** @param isServed whether a server answers on a path */
  constructor(file: string, isServed: (file: string) => boolean) {
    this.path = file
    this.#isServed = isServed
  }

  /** Names that begin with NUL exist only in the kernel, without a file. */
  get #abstract(): boolean {
    return this.path.startsWith('\0')
  }

  /**
   * Makes `listen()` bind another name, if that is possible and no process serves on this one. The caller
   * undoes the change.
   */
  divert(options: ListenOptions): void {
    const temporary = nameBeside(this.path)
    if (this.#abstract || platform() === 'win32' || Buffer.byteLength(temporary) > longest || !this.#isFree())
      return
    this.#temporary = temporary
    // Node changes the mode of the bound name, which no longer exists then.
    this.#mode = (options.readableAll === true ? 0o444 : 0) | (options.writableAll === true ? 0o222 : 0)
    Object.assign(options, { path: temporary, readableAll: false, writableAll: false })
  }

  /**
   * The server listens.
   * @param foreign whether the file belongs to a service manager
   * @throws `EADDRINUSE` if another process was faster, and errors of the file system
   */
  settle(server: Server, foreign = false): void {
    // After the descriptor of an inherited socket Node does not know it.
    nameAddress(server, this.path)
    if (this.#temporary !== undefined) {
      if (this.#mode !== 0) chmodSync(this.#temporary, Number(statusOf(this.#temporary)?.mode) | this.#mode)
      if (!this.#publish(this.#temporary)) throw inUse(this.path)
    }
    this.#inode = this.#abstract || foreign ? undefined : inodeOf(this.path)
  }

  /** The server could not listen. Puts the requested path into the error. */
  giveUp(server: Server, error: Error & { address?: string }): void {
    if (this.#temporary === undefined) return
    nameAddress(server, this.path)
    error.message = error.message.replace(this.#temporary, this.path)
    if (error.address === this.#temporary) error.address = this.path
  }

  /** The last generation has stopped: removes the file, unless it belongs to another process by now. */
  remove(): void {
    removeSocketFile(this.path, this.#inode)
    this.#inode = undefined
  }

  /** @returns false if another process has the name */
  #publish(temporary: string): boolean {
    const { path } = this
    try {
      const isOurs = linkIfFree(temporary, path) || (this.#removeStale() && linkIfFree(temporary, path))
      // Otherwise libuv unlinks it with the socket.
      if (isOurs) unlinkSync(temporary)
      return isOurs
    } catch (error) {
      // On a file system without hard links, the last process wins.
      if (!withoutLinks.has((error as { code?: string }).code)) throw error
      renameSync(temporary, path)
      return true
    }
  }

  #removeStale(): boolean {
    const stale = this.#stale
    return stale !== undefined && removeOwnFile(this.path, (file) => inodeOf(file) === stale)
  }

  /** True if there is no file, or a socket on which no process listens. Otherwise Node reports the error. */
  #isFree(): boolean {
    const stats = statusOf(this.path)
    this.#stale = stats?.ino
    return stats === undefined || (stats.isSocket() && !this.#isServed(this.path))
  }
}

const withoutLinks: ReadonlySet<unknown> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])

/** Node's error for a path that another process uses. */
function inUse(path: string): Error {
  const error = new Error(`listen EADDRINUSE: address already in use ${path}`)
  const { EADDRINUSE } = constants.errno
  return Object.assign(error, {
    code: 'EADDRINUSE',
    errno: -EADDRINUSE,
    syscall: 'listen',
    address: path,
    port: -1,
  })
}

/** A socket's file and its identity: another process may have replaced it. */
export interface SocketFile {
  readonly file: string
  readonly inode: bigint | undefined
}

export function inodeOf(file: string): bigint | undefined {
  return statusOf(file)?.ino
}

/** Removes a socket's file, unless it belongs to another process by now. */
export function removeSocketFile(file: string, inode: bigint | undefined): void {
  if (inode !== undefined) removeOwnFile(file, (own) => inodeOf(own) === inode)
}

/** The path of a Unix socket that this process has to manage; undefined for other addresses. */
export function unixPathOf(requested: Address | undefined, system: System): UnixPath | undefined {
  const file = /^unix:\/\/(.+)$/s.exec(requested ?? '')?.[1]
  // The primary binds and removes the paths of its workers.
  if (file === undefined || system.incapacity === 'cluster-worker') return undefined
  return new UnixPath(file, (path) => system.isServed(path))
}
