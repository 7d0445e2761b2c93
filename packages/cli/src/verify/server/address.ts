import { LostRequest, RawClient } from '../traffic.ts'
import { until } from '../until.ts'
import { listeningAddresses } from './listening.ts'
import type { Found, Search } from './listening.ts'
import { endedEarly, neverListened, wrongRoute } from './not-found.ts'
import type { Address, Running } from './running.ts'
import { openSession, requestOn } from '../clients/h2.ts'

const ANSWER = 5000
/** An error may be what a server answers while it warms up. */
const WARM_UP = 1000
const PROBE = 1000

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

/** Where a server that listens on all addresses can be reached. One on `::` may refuse IPv4. */
function loopbackOf(host: string): string[] {
  if (host === '0.0.0.0') return ['127.0.0.1']
  return host === '::' || host === 'localhost' ? ['127.0.0.1', '::1'] : [host]
}

/** The first address that answers HTTP/2. No HTTP/1.1 client has got an answer there. */
async function http2Only(server: Running, search: Search): Promise<Address | undefined> {
  for (const address of await candidates(server, search)) {
    const session = await openSession(address).catch(() => undefined)
    if (session === undefined) continue
    const timer = setTimeout(() => session.destroy(), PROBE)
    try {
      await requestOn(session, search.path).answer
      return address
    } catch {
      // It speaks something else.
    } finally {
      clearTimeout(timer)
      session.destroy()
    }
  }
  return undefined
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
