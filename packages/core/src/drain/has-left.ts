import type { Socket } from 'node:net'

/** The system calls whose errors show that a client has gone. */
const transfers: ReadonlySet<string | undefined> = new Set(['read', 'write', 'writev', 'shutdown'])

/**
 * Whether the client or the network ended a connection that has closed, and not this process. A client that
 * sends invalid HTTP or TLS counts as having ended it.
 * @param ended whether the client sent its FIN before this process did
 */
export function hasLeft({ errored }: Socket, ended: boolean): boolean {
  if (ended) return true
  const { code = '', syscall } = (errored ?? {}) as NodeJS.ErrnoException
  // This process has cancelled the write by destroying the socket.
  if (code === 'ECANCELED') return false
  return transfers.has(syscall) || /^(HPE_|ERR_SSL_)/.test(code)
}
