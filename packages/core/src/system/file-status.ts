/**
 * Reads the status of files as bigints. Node 20 and 22 store the numbers of the process's last synchronous
 * `stat` in one array. If that was a socket or a pipe, `realpathSync` stops at the first folder in its
 * cache, and `require` and `import` no longer follow symlinks. Bigints have a separate array.
 * https://github.com/nodejs/node/blob/v22.12.0/lib/fs.js (realpathSync)
 */
import { type BigIntStats, fstatSync, lstatSync } from 'node:fs'

/**
 * Whether a descriptor is a socket.
 * @throws what `fs.fstatSync` throws
 */
export function isSocket(fd: number): boolean {
  return fstatSync(fd, { bigint: true }).isSocket()
}

/**
 * The status of a path, without following symlinks. Undefined if it does not exist.
 * @throws what `fs.lstatSync` throws
 */
export function statusOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}
