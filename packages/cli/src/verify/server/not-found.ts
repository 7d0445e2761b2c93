import { Failure } from '../../fail.ts'
import { listeningAddresses } from './listening.ts'
import type { Found, Search } from './listening.ts'
import { commandLineOf, pids, socketInodes } from './proc.ts'
import type { Running } from './running.ts'
import { listeningRows } from './sockets.ts'

export async function endedEarly(server: Running, told: number | undefined): Promise<Failure> {
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

export async function neverListened(server: Running, { limit, only }: Search): Promise<Failure> {
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

export function wrongRoute({ address, status }: Found, path: string): Failure {
  const { protocol, host, port } = address
  return new Failure(
    `GET ${path} at ${protocol}://${host}:${port} answers ${status}. Name a route that works with --get.`,
    { status: 2 },
  )
}

function printed({ output }: Running): string {
  return output.trim() === '' ? '' : `\nIt printed:\n${output.trim().split('\n').slice(-15).join('\n')}`
}
