import { renameSync, writeFileSync } from 'node:fs'
import { statusOf } from '../system/file-status.ts'
import { nameBeside } from '../system/own-file.ts'
import { descriptorAddress } from './descriptor-address.ts'

/**
 * Has the kernel refuse new connections on a Unix socket that Node has bound and is about to close: those that are queued
 * by then would be reset. An empty file takes the place of the socket's, which no client can connect to and no process can
 * bind. libuv unlinks it with the socket.
 *
 * Does nothing where the file is not known, as on all systems but Linux, or cannot be replaced.
 * https://github.com/torvalds/linux/blob/v6.12/net/unix/af_unix.c (unix_find_bsd)
 */
export function refuseUnix(fd: number): void {
  const file = /^unix:\/\/([^\0].*)$/s.exec(descriptorAddress(fd) ?? '')?.[1]
  if (file === undefined) return
  const placeholder = nameBeside(file)
  try {
    // A relative path is looked up from the directory of now.
    if (statusOf(file)?.isSocket() !== true) return
    writeFileSync(placeholder, '', { flag: 'wx' })
    renameSync(placeholder, file)
  } catch {
    // As with a port: there the kernel can only be asked whether anybody is queued.
  }
}
