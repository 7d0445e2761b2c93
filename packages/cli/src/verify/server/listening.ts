import { socketInodes } from './proc.ts'
import type { Address, Running } from './running.ts'
import { listeningRows } from './sockets.ts'

export interface Search {
  /** The route that has to respond. */
  readonly path: string
  /** The value of `PORT` in the server's environment. */
  readonly port: number | undefined
  /** The only address to try, from `--url`. */
  readonly only: Address | undefined
  /** In milliseconds. */
  readonly limit: number
}

export interface Found {
  readonly address: Address
  readonly status: number
}

/** The addresses that the server's processes listen on: the given port first, then by port. */
export async function listeningAddresses(
  server: Running,
  told?: number,
): Promise<{ host: string; port: number }[]> {
  const inodes = new Set(server.members().flatMap(({ pid }) => [...socketInodes(pid)]))
  const rows = (await listeningRows()).filter(({ inode }) => inodes.has(inode))
  const unique = new Map(rows.map((row) => [`${row.host} ${row.port}`, { host: row.host, port: row.port }]))
  return [...unique.values()].sort(
    (one, other) => rank(one.port, told) - rank(other.port, told) || one.port - other.port,
  )
}

function rank(port: number, told: number | undefined): number {
  return port === told ? 0 : 1
}
