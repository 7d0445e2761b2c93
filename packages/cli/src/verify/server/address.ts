import { LostRequest, RawClient } from '../traffic.ts'
import { until } from '../until.ts'
import { listeningAddresses } from './listening.ts'
import type { Found, Search } from './listening.ts'
import { endedEarly, neverListened, wrongRoute } from './not-found.ts'
import type { Address, Running } from './running.ts'
import { openSession, requestOn } from '../clients/h2.ts'

const ANSWER = 5000
/** In milliseconds. A server may respond with errors while it warms up. */
const WARM_UP = 1000
const PROBE = 1000

/**
 * Resolves when the server answers the route with a status below 400.
 * @throws Failure if the server ends before that, never listens, or keeps responding with an error
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
  throw await neverListened(server, search, await http2Only(server, search))
}

async function candidates(server: Running, { only, port }: Search): Promise<Address[]> {
  if (only !== undefined) return loopbackOf(only.host).map((host) => ({ ...only, host }))
  const reachable = (await listeningAddresses(server, port)).flatMap(({ host, port: found }) =>
    loopbackOf(host).map((reached) => ({ host: reached, port: found })),
  )
  return reachable.flatMap((place) => [
    { protocol: 'http' as const, ...place },
    { protocol: 'https' as const, ...place },
  ])
}

/** The loopback addresses of a server that listens on all addresses. A server on `::` may refuse IPv4. */
function loopbackOf(host: string): string[] {
  if (host === '0.0.0.0') return ['127.0.0.1']
  return host === '::' || host === 'localhost' ? ['127.0.0.1', '::1'] : [host]
}

/** The first address that answers HTTP/2. HTTP/1.1 has already failed on every address. */
async function http2Only(server: Running, search: Search): Promise<Address | undefined> {
  for (const address of await candidates(server, search)) {
    const session = await openSession(address).catch(() => undefined)
    if (session === undefined) continue
    const timer = setTimeout(() => session.destroy(), PROBE)
    try {
      await requestOn(session, search.path).answer
      return address
    } catch {
      // The server speaks another protocol.
    } finally {
      clearTimeout(timer)
      session.destroy()
    }
  }
  return undefined
}

/** The server's response at an address, or undefined if the server does not speak the protocol of the address. */
async function ask(address: Address, path: string): Promise<Found | undefined> {
  let client: RawClient | undefined
  try {
    client = await RawClient.connect({ ...clientOptions(address), timeout: ANSWER })
    const { status } = await client.request({ path, headers: { connection: 'close' }, timeout: ANSWER })
    // A TLS server answers plain HTTP with 400; HTTPS is tried next.
    return status === 400 && address.protocol === 'http' ? undefined : { address, status }
  } catch (error) {
    if (error instanceof LostRequest || (error as Error).name === 'ConnectionRefused') return undefined
    throw error
  } finally {
    client?.destroy()
  }
}

/** The options to connect to an address. Accepts self-signed certificates, which are common in tests. */
export function clientOptions({ protocol, host, port }: Address): {
  host: string
  port: number
  tls?: { rejectUnauthorized: boolean; ALPNProtocols: string[] }
} {
  const tls = { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }
  return { host, port, ...(protocol === 'https' && { tls }) }
}
