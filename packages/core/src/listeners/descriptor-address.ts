import { readFileSync, readlinkSync } from 'node:fs'
import { SocketAddress } from 'node:net'
import { endianness } from 'node:os'
import type { Address } from './address.ts'

/**
 * Where the listening socket with this descriptor is bound, by the kernel's tables: Node can tell only by listening on
 * it, which it cannot take back without closing it.
 * @returns undefined if it is no listening socket of TCP or Unix, and on systems without these tables: all but Linux
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
 * How many connections wait to be accepted on a listening TCP socket, by the kernel's tables.
 * @returns undefined if that cannot be told: for other sockets, and on systems without these tables
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

/** The tables are read piece by piece: one that changes meanwhile may leave out a row that is there. */
const attempts = 5

const tcpListen = '0A'
/** SO_ACCEPTCON: the socket listens. */
const acceptsConnections = 0x10000

function inodeOf(fd: number): string | undefined {
  return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
}

/** The row of a listening socket. */
function listening(table: 'tcp' | 'tcp6', inode: string): string[] | undefined {
  return rows(table).find((columns) => columns[9] === inode && columns[3] === tcpListen)
}

function tcp(table: 'tcp' | 'tcp6', inode: string): Address | undefined {
  const row = listening(table, inode)
  const [host, port] = row?.[1]?.split(':') ?? []
  if (host === undefined || port === undefined) return undefined
  const bytes = hostBytes(host)
  const number = Number.parseInt(port, 16)
  if (table === 'tcp') return `tcp://${bytes.join('.')}:${number}`
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  // Its short form is the one that Node gives.
  const { address } = new SocketAddress({ family: 'ipv6', address: groups.join(':') })
  return `tcp://[${address}]:${number}`
}

function unix(inode: string): Address | undefined {
  const row = rows('unix').find(
    (columns) => columns[6] === inode && (Number.parseInt(columns[3] ?? '', 16) & acceptsConnections) !== 0,
  )
  const path = row?.slice(7).join(' ')
  if (path === undefined || path === '') return undefined
  // The kernel prints each NUL as @: the first makes a name abstract, and older libuv fills the name up with more.
  return `unix://${path.replace(/^@(.*?)@*$/s, '\0$1')}`
}

function rows(table: string): string[][] {
  const lines = readFileSync(`/proc/self/net/${table}`, 'latin1').split('\n').slice(1)
  return lines.map((line) => line.trim().split(/ +/))
}

/** The kernel prints an address as numbers of 32 bits, in the order of the machine. */
function hostBytes(hexadecimal: string): Buffer {
  const bytes = Buffer.from(hexadecimal, 'hex')
  return endianness() === 'LE' ? bytes.swap32() : bytes
}
