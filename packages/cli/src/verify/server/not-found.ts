import { Failure } from '../../fail.ts'
import { listeningAddresses } from './listening.ts'
import type { Found, Search } from './listening.ts'
import { commandLineOf, pids, socketInodes } from './proc.ts'
import { authorityOf, originOf } from './running.ts'
import type { Address, Running } from './running.ts'
import { listeningRows, unixListeners } from './sockets.ts'

export async function endedEarly(server: Running, told: number | undefined): Promise<Failure> {
  await server.outputEnded
  const { status, signal } = server.exit ?? {}
  const how = signal ? `was ended by ${signal}` : `exited with status ${status ?? 'unknown'}`
  const [, inUse] = /EADDRINUSE[^\n]*?:(\d+)/.exec(server.output) ?? []
  const port = inUse ?? (/address already in use/i.test(server.output) ? told : undefined)
  const holder = port === undefined ? undefined : await holderOf(Number(port))
  const because =
    port === undefined ? '' : `: port ${port} is in use${holder === undefined ? '' : ` by ${holder}`}`
  const daemon =
    status === 0
      ? ' A server that goes on as a daemon has to stay in the foreground, as with "daemon off;" of nginx.'
      : ''
  // A program that ends at the end of its input rarely says so.
  const input =
    signal || because !== '' || server.output.trim() !== ''
      ? ''
      : ' It printed nothing. Its standard input is empty, as under most service managers.'
  return new Failure(`The server ${how} before it answered${because}.${daemon}${input}${printed(server)}`, {
    status: 2,
  })
}

/** Throws if another server already listens on the port of `--url`, because verify would judge that server. */
export async function failIfInUse({ host, port }: Address): Promise<void> {
  if (!/^(localhost|127\..*|::1)$/.test(host)) return
  if (!(await listeningRows()).some((row) => row.port === port)) return
  const holder = await holderOf(port)
  throw new Failure(
    `The port of --url, port ${port} is in use${holder === undefined ? '' : ` by ${holder}`}, before the server is started. End that server, or verify it with --pid.`,
    { status: 2 },
  )
}

/** The process that listens on a port, if this user can see it. */
async function holderOf(port: number): Promise<string | undefined> {
  const inodes = (await listeningRows()).flatMap((row) => (row.port === port ? [row.inode] : []))
  const holder = pids().find((pid) => {
    const own = socketInodes(pid)
    return inodes.some((inode) => own.has(inode))
  })
  return holder === undefined ? undefined : `process ${holder} (${commandLineOf(holder).slice(0, 80)})`
}

/** @param http2 the address where the server answers HTTP/2 but not HTTP/1.1 */
export async function neverListened(
  server: Running,
  { limit, only }: Search,
  http2: Address | undefined,
): Promise<Failure> {
  if (http2 !== undefined)
    return new Failure(
      `The server answers HTTP/2 only, at ${originOf(http2)}. The clients of verify need a port that answers HTTP/1.1 too, such as one with allowHTTP1.`,
      { status: 2 },
    )
  const listening = (await listeningAddresses(server)).map(authorityOf)
  const files = await unixListeners(server.members())
  const what =
    only !== undefined
      ? `Nothing answers HTTP at ${originOf(only)}`
      : listening.length > 0
        ? `The server listens on ${listening.join(' and ')}, and ${listening.length === 1 ? 'it does not answer' : 'none of them answers'} HTTP`
        : files.length > 0
          ? `The server listens on the Unix socket ${files.join(' and ')}, and on no TCP port, which verify needs,`
          : 'The server listens on no TCP port'
  return new Failure(
    `${what} after ${limit} ms. Give its address with --url, or more time with --start-limit.${printed(server)}`,
    { status: 2 },
  )
}

export function wrongRoute({ address, status }: Found, path: string): Failure {
  return new Failure(
    `GET ${path} at ${originOf(address)} answers ${status}. Name a route that works with --get.`,
    { status: 2 },
  )
}

function printed({ output }: Running): string {
  return output.trim() === '' ? '' : `\nIt printed:\n${output.trim().split('\n').slice(-15).join('\n')}`
}
