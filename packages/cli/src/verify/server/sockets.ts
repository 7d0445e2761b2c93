import { readFile } from 'node:fs/promises'
import { socketInodes } from './proc.ts'
import type { ProcessEntry } from './proc.ts'

/** The server's end of a TCP connection, or a listening socket, as proc_pid_net(5) describes it. */
export interface SocketRow {
  readonly host: string
  readonly port: number
  readonly remotePort: number
  /** Bytes in the kernel that the other side has not acknowledged. */
  readonly unsent: number
  /** Bytes in the kernel that the process has not read. */
  readonly unread: number
  /** 0 until the process has accepted the connection. */
  readonly inode: number
}

/** The state of a listening socket, between the addresses and the queues. */
const LISTEN = ' 0A '

/** The listening TCP sockets of this network namespace. */
export async function listeningRows(): Promise<SocketRow[]> {
  return rowsWith(await tables(), LISTEN)
}

/** The server's end of a connection between two local ports, if the connection exists. */
export async function serverEnd(port: number, clientPort: number): Promise<SocketRow | undefined> {
  return rowsWith(await tables(), hexPort(clientPort)).find(
    (row) => row.port === port && row.remotePort === clientPort,
  )
}

/** The number of connections in the backlog that have received data. */
export async function waitingConnections(port: number): Promise<number> {
  const rows = rowsWith(await tables(), hexPort(port))
  return rows.filter((row) => row.port === port && row.inode === 0 && row.unread > 0).length
}

/** The flag of a Unix socket that listens, `__SO_ACCEPTCON`, as proc(5) describes /proc/net/unix. */
const ACCEPTS = '00010000'

/** The paths of the Unix sockets that these processes listen on. */
export async function unixListeners(processes: readonly ProcessEntry[]): Promise<string[]> {
  const own = new Set(processes.flatMap(({ pid }) => [...socketInodes(pid)]))
  const lines = (await readFile('/proc/self/net/unix', 'utf8').catch(() => '')).split('\n')
  return lines.flatMap((line) => {
    const [, , , flags, , , inode, path] = line.split(/\s+/)
    return flags === ACCEPTS && path !== undefined && own.has(Number(inode)) ? [path] : []
  })
}

function hexPort(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')} `
}

let current: Promise<string> = Promise.resolve('')
let next: Promise<string> | undefined

/**
 * Reads the tables of IPv4 and IPv6 sockets, starting after the call. After many closed connections they have tens of
 * thousands of rows, and the kernel needs 100 ms for them. So they are read asynchronously, and waiting callers share a read.
 */
function tables(): Promise<string> {
  next ??= current.then(() => {
    next = undefined
    current = read()
    return current
  })
  return next
}

async function read(): Promise<string> {
  const files = ['/proc/self/net/tcp', '/proc/self/net/tcp6']
  return (await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')))).join('')
}

/** Parses only the lines that contain `text`. */
function rowsWith(lines: string, text: string): SocketRow[] {
  const rows: SocketRow[] = []
  for (let at = lines.indexOf(text); at >= 0; at = lines.indexOf(text, at)) {
    const end = lines.indexOf('\n', at)
    const row = socketRow(lines.slice(lines.lastIndexOf('\n', at) + 1, end))
    if (row !== undefined) rows.push(row)
    at = end
  }
  return rows
}

function socketRow(line: string): SocketRow | undefined {
  const [, local, remote, , queues, , , , , inode] = line.trim().split(/\s+/)
  if (local === undefined || remote === undefined || queues === undefined) return undefined
  const [address = '', port = ''] = local.split(':')
  return {
    host: hostOf(address),
    port: Number.parseInt(port, 16),
    remotePort: Number.parseInt(remote.split(':')[1] ?? '', 16),
    unsent: Number.parseInt(queues.split(':')[0] ?? '', 16),
    unread: Number.parseInt(queues.split(':')[1] ?? '', 16),
    inode: Number(inode),
  }
}

/** The kernel prints each 32-bit word in the machine's byte order, which is little-endian wherever Node runs. */
function hostOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)),
  )
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff) return bytes.slice(12).join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0)).toString(16),
  )
  return groups.every((group) => group === '0') ? '::' : groups.join(':').replace(/^(0:){7}/, '::')
}
