import type { Socket } from 'node:net'

/** The system calls by which this process notices that its client has gone. */
const transfers: ReadonlySet<string | undefined> = new Set(['read', 'write', 'writev', 'shutdown'])

/**
 * Whether a connection that has closed was ended by its client, or by the network, and not by this process. What is no
 * HTTP or no TLS is the client's doing too.
 * @param ended whether the client sent its FIN before this process did
 */
export function hasLeft({ errored }: Socket, ended: boolean): boolean {
  if (ended) return true
  const { code = '', syscall } = (errored ?? {}) as NodeJS.ErrnoException
  // A write that this process has cancelled by destroying the socket.
  if (code === 'ECANCELED') return false
  return transfers.has(syscall) || /^(HPE_|ERR_SSL_)/.test(code)
}
