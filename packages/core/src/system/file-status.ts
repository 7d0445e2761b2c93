/**
 * The status of files, asked for as bigints. Node 20 and 22 keep the numbers of the last synchronous `stat` of the process
 * in one array, and where these are of a socket or a pipe `realpathSync` stops at the first folder that it knows already:
 * then `require` and `import` do not follow symlinks any more. Bigints have an array of their own.
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
 * The status of a path, without following symlinks. Undefined if there is nothing.
 * @throws what `fs.lstatSync` throws
 */
export function statusOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}
