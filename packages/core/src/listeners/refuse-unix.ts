import { renameSync, writeFileSync } from 'node:fs'
import { statusOf } from '../system/file-status.ts'
import { nameBeside } from '../system/own-file.ts'
import { descriptorAddress } from './descriptor-address.ts'

/**
 * Makes the kernel refuse new connections on a Unix socket that Node has bound and is about to close:
 * connections in its queue would be reset. An empty file, to which no client can connect and which no
 * process can bind, replaces the socket's file. libuv unlinks it with the socket.
 *
 * Does nothing if the file is unknown, as on all systems but Linux, or cannot be replaced.
 * https://github.com/torvalds/linux/blob/v6.12/net/unix/af_unix.c (unix_find_bsd)
 */
export function refuseUnix(fd: number): void {
  const file = /^unix:\/\/([^\0].*)$/s.exec(descriptorAddress(fd) ?? '')?.[1]
  if (file === undefined) return
  const placeholder = nameBeside(file)
  try {
    // A relative path is resolved from the current directory.
    if (statusOf(file)?.isSocket() !== true) return
    writeFileSync(placeholder, '', { flag: 'wx' })
    renameSync(placeholder, file)
  } catch {
    // As with a port, only the kernel knows whether its queue is empty.
  }
}
