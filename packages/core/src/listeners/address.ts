import type { ListenOptions, Server } from 'node:net'
import { isIP } from 'node:net'

/**
 * The address of a listening socket, as `tcp://0.0.0.0:3000`, `tcp://[::]:3000` or `unix:///run/app.sock`; of a UDP
 * socket, as `udp4://0.0.0.0:3000` or `udp6://[::]:3000`.
 */
export type Address = string

/** The address passed to `server.listen()`. Undefined for port 0, which means a new port at every start. */
export function requestedAddress(options: ListenOptions & { fd?: number }): Address | undefined {
  if (typeof options.fd === 'number') return `fd://${options.fd}`
  if (options.path !== undefined && options.port === undefined) return `unix://${options.path}`
  const port = Number(options.port)
  if (!Number.isInteger(port) || port <= 0) return undefined
  // Node also listens on all addresses for null.
  return options.host ? tcp(options.host, port) : `tcp://*:${port}`
}

/** The actual address of a listening server. */
export function boundAddress(server: Server): Address | undefined {
  const address = server.address()
  if (address === null) return undefined
  return typeof address === 'string' ? `unix://${address}` : tcp(address.address, address.port)
}

/**
 * Whether a socket bound to `bound` satisfies `requested`. A host name is not resolved here: it matches only
 * the same name, which the caller compares.
 */
export function isBoundAs(requested: Address, bound: Address): boolean {
  if (requested === bound) return true
  // Without a host, Node listens on the unspecified IPv6 address, or on the IPv4 one if there is no IPv6.
  const port = /^tcp:\/\/\*:(\d+)$/.exec(requested)?.[1]
  return port !== undefined && (bound === tcp('::', port) || bound === tcp('0.0.0.0', port))
}

/**
 * Whether the kernel may refuse one TCP address because of the other: they have the same port, and one of
 * them includes the other.
 */
export function mayExclude(one: Address, other: Address): boolean {
  const [left, right] = [placeOf(one), placeOf(other)]
  if (left === undefined || left.port !== right?.port) return false
  const hosts = [left.host, right.host]
  return (
    left.host === right.host ||
    hosts.some((host) => everywhere.has(host)) ||
    (hosts.includes('localhost') && hosts.some((host) => host === '[::1]' || host.startsWith('127.')))
  )
}

const everywhere: ReadonlySet<string> = new Set(['*', '[::]', '0.0.0.0'])

function placeOf(address: Address): { host: string; port: string } | undefined {
  const [, host, port] = /^tcp:\/\/(.*):(\d+)$/.exec(address) ?? []
  return host === undefined || port === undefined ? undefined : { host, port }
}

/**
 * The address of a UDP socket, including its family: `::` can be bound beside `0.0.0.0` or for both families.
 */
export function datagramAddress(at: { family: 'udp4' | 'udp6'; address: string; port: number }): Address {
  return `${at.family}://${isIP(at.address) === 6 ? `[${at.address}]` : at.address}:${at.port}`
}

function tcp(host: string, port: number | string): Address {
  return `tcp://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}
