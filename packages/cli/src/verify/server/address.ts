import { Failure } from '../../fail.ts'
import { LostRequest, RawClient } from '../traffic.ts'
import { until } from '../until.ts'
import { commandLineOf, pids, socketInodes } from './proc.ts'
import { listeningRows } from './sockets.ts'
import type { Address, Running } from './running.ts'

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

const ANSWER = 5000
/** An error may be what a server answers while it warms up. */
const WARM_UP = 1000

/**
 * Resolves when the server answers its route with a status below 400.
 * @throws Failure if it ends before, never listens, or goes on answering with an error
 */
export async function findAddress(server: Running, search: Search): Promise<Found> {
  const deadline = performance.now() + search.limit
  let refused: Found | undefined
  let refusedSince = 0
  const answering = async (): Promise<Found | undefined> => {
    if (server.exit !== undefined && server.members().length === 0)
      throw await endedEarly(server, search.port)
    for (const address of await candidates(server, search)) {
      const found = await ask(address, search.path)
      if (found !== undefined && found.status < 400) return found
      if (found === undefined) continue
      if (refused === undefined) refusedSince = performance.now()
      refused = found
    }
    if (refused !== undefined && performance.now() - refusedSince > WARM_UP)
      throw wrongRoute(refused, search.path)
    return undefined
  }
  const found = await until(answering, deadline, 20)
  if (found !== undefined) return found
  if (refused !== undefined) throw wrongRoute(refused, search.path)
  throw await neverListened(server, search)
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

async function candidates(server: Running, { only, port }: Search): Promise<Address[]> {
  if (only !== undefined) return [only]
  const reachable = (await listeningAddresses(server, port)).map(({ host, port: found }) => ({
    host: host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host,
    port: found,
  }))
  return reachable.flatMap((place) => [
    { protocol: 'http' as const, ...place },
    { protocol: 'https' as const, ...place },
  ])
}

/** What the server answers there, or undefined if it is not HTTP, or not of this protocol. */
async function ask(address: Address, path: string): Promise<Found | undefined> {
  let client: RawClient | undefined
  try {
    client = await RawClient.connect({ ...clientOptions(address), timeout: ANSWER })
    const { status } = await client.request({ path, headers: { connection: 'close' }, timeout: ANSWER })
    // What a TLS server answers to plain HTTP is an error as well; the other protocol is asked next.
    return status === 400 && address.protocol === 'http' ? undefined : { address, status }
  } catch (error) {
    if (error instanceof LostRequest || (error as Error).name === 'ConnectionRefused') return undefined
    throw error
  } finally {
    client?.destroy()
  }
}

/** A certificate for a test need not be one that anybody trusts. */
export function clientOptions({ protocol, host, port }: Address): {
  host: string
  port: number
  tls?: { rejectUnauthorized: boolean; ALPNProtocols: string[] }
} {
  const tls = { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }
  return { host, port, ...(protocol === 'https' && { tls }) }
}

async function endedEarly(server: Running, told: number | undefined): Promise<Failure> {
  const { status, signal } = server.exit ?? {}
  const how = signal ? `was ended by ${signal}` : `exited with status ${status ?? 'unknown'}`
  const [, inUse] = /EADDRINUSE[^\n]*?:(\d+)/.exec(server.output) ?? []
  const port = inUse ?? (/address already in use/i.test(server.output) ? told : undefined)
  const holder = port === undefined ? undefined : await holderOf(Number(port))
  const because =
    port === undefined ? '' : `: port ${port} is in use${holder === undefined ? '' : ` by ${holder}`}`
  return new Failure(`The server ${how} before it answered${because}.${printed(server)}`, { status: 2 })
}

/** The process that listens on a port, as far as this user may see it. */
async function holderOf(port: number): Promise<string | undefined> {
  const inodes = (await listeningRows()).flatMap((row) => (row.port === port ? [row.inode] : []))
  const holder = pids().find((pid) => {
    const own = socketInodes(pid)
    return inodes.some((inode) => own.has(inode))
  })
  return holder === undefined ? undefined : `process ${holder} (${commandLineOf(holder).slice(0, 80)})`
}

async function neverListened(server: Running, { limit, only }: Search): Promise<Failure> {
  const listening = (await listeningAddresses(server)).map(({ host, port }) => `${host}:${port}`)
  const what =
    only !== undefined
      ? `Nothing answers HTTP at ${only.protocol}://${only.host}:${only.port}`
      : listening.length === 0
        ? 'The server listens on no TCP port'
        : `The server listens on ${listening.join(' and ')}, and none of them answers HTTP`
  return new Failure(
    `${what} after ${limit} ms. Give its address with --url, or more time with --start-limit.${printed(server)}`,
    { status: 2 },
  )
}

function wrongRoute({ address, status }: Found, path: string): Failure {
  const { protocol, host, port } = address
  return new Failure(
    `GET ${path} at ${protocol}://${host}:${port} answers ${status}. Name a route that works with --get.`,
    { status: 2 },
  )
}

function printed({ output }: Running): string {
  return output.trim() === '' ? '' : `\nIt printed:\n${output.trim().split('\n').slice(-15).join('\n')}`
}
