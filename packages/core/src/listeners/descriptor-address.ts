import { closeSync, openSync, readlinkSync, readSync } from 'node:fs'
import { SocketAddress } from 'node:net'
import { endianness } from 'node:os'
import type { Address } from './address.ts'

/**
 * The address of the listening socket with this descriptor, from the kernel's tables: Node would have to
 * listen on it, which cannot be undone without closing it.
 * @returns undefined if it is not a listening TCP or Unix socket, and on systems other than Linux, which
 * lack these tables
 */
export function descriptorAddress(fd: number): Address | undefined {
  try {
    const inode = inodeOf(fd)
    if (inode === undefined) return undefined
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const address = tcp('tcp', inode) ?? tcp('tcp6', inode) ?? unix(inode)
      if (address !== undefined) return address
    }
    return undefined
  } catch {
    return undefined
  }
}

/**
 * How many connections wait to be accepted on a listening TCP socket, from the kernel's tables.
 * @returns undefined for other sockets, and on systems without these tables
 */
export function queueLength(fd: number): number | undefined {
  try {
    const inode = inodeOf(fd)
    if (inode === undefined) return undefined
    const row = listening('tcp', inode) ?? listening('tcp6', inode)
    const length = Number.parseInt(row?.[4]?.split(':')[1] ?? '', 16)
    return Number.isNaN(length) ? undefined : length
  } catch {
    return undefined
  }
}

/** Tables are read in pieces: if one changes in the meantime, a row may be missing from the result. */
const attempts = 5

const tcpListen = '0A'
/** SO_ACCEPTCON: the socket listens. */
const acceptsConnections = 0x10000

function inodeOf(fd: number): string | undefined {
  return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
}

/**
 * The length of a row of a TCP table. Reading one row at a time takes a tenth of the time: to fill a larger buffer, the
 * kernel would search its whole table of connections.
 * https://github.com/torvalds/linux/blob/v6.12/net/ipv4/tcp_ipv4.c (tcp4_seq_show)
 */
const rowLength = 150

/**
 * The row of a listening socket. The kernel prints these rows first, so the rows of connections are not read.
 * https://github.com/torvalds/linux/blob/v6.12/net/ipv4/tcp_ipv4.c (tcp_seq_start)
 */
function listening(table: 'tcp' | 'tcp6', inode: string): string[] | undefined {
  for (const columns of rows(table, rowLength)) {
    if (columns[3] !== tcpListen) return undefined
    if (columns[9] === inode) return columns
  }
  return undefined
}

function tcp(table: 'tcp' | 'tcp6', inode: string): Address | undefined {
  const row = listening(table, inode)
  const [host, port] = row?.[1]?.split(':') ?? []
  if (host === undefined || port === undefined) return undefined
  const bytes = hostBytes(host)
  const number = Number.parseInt(port, 16)
  if (table === 'tcp') return `tcp://${bytes.join('.')}:${number}`
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  // Node uses the short form.
  const { address } = new SocketAddress({ family: 'ipv6', address: groups.join(':') })
  return `tcp://[${address}]:${number}`
}

function unix(inode: string): Address | undefined {
  for (const columns of rows('unix')) {
    const accepts = (Number.parseInt(columns[3] ?? '', 16) & acceptsConnections) !== 0
    if (columns[6] !== inode || !accepts) continue
    const path = columns.slice(7).join(' ')
    // The kernel prints each NUL as @: the first makes a name abstract, and older libuv fills the name up with more.
    return path === '' ? undefined : `unix://${path.replace(/^@(.*?)@*$/s, '\0$1')}`
  }
  return undefined
}

/**
 * The rows of a table after its heading, read on demand: a table may have a row for each connection.
 * @param piece how many bytes to read at a time
 */
function* rows(table: string, piece = 16_384): Generator<string[]> {
  const fd = openSync(`/proc/self/net/${table}`, 'r')
  try {
    const buffer = Buffer.allocUnsafe(piece)
    let isHeading = true
    let rest = ''
    for (let length: number; (length = readSync(fd, buffer)) > 0; ) {
      const lines = (rest + buffer.toString('latin1', 0, length)).split('\n')
      rest = lines.pop() ?? ''
      if (isHeading) lines.shift()
      isHeading = false
      for (const line of lines) yield line.trim().split(/ +/)
    }
  } finally {
    closeSync(fd)
  }
}

/** The kernel prints an address as numbers of 32 bits, in the order of the machine. */
function hostBytes(hexadecimal: string): Buffer {
  const bytes = Buffer.from(hexadecimal, 'hex')
  return endianness() === 'LE' ? bytes.swap32() : bytes
}
