import { socketInodes } from './proc.ts'
import type { Address, Running } from './running.ts'
import { listeningRows } from './sockets.ts'

export interface Search {
  /** The route that has to answer. */
  readonly path: string
  /** Where the server was told to listen. */
  readonly port: number | undefined
  /** `--url`: only this one. */
  readonly only: Address | undefined
  /** Milliseconds. */
  readonly limit: number
}

export interface Found {
  readonly address: Address
  readonly status: number
}

/** The listening sockets of the server's processes: the one it was told first, then by port. */
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
