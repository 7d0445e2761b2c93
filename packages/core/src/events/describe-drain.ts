import type { CutConnection, DrainResult } from './drain-report.ts'

/** Describes for a log what was cut. */
export function describeConnection({
  state,
  method,
  url,
  age,
  connectedFor,
  remoteAddress,
  remotePort,
}: CutConnection): string {
  const what = method === undefined ? 'a connection' : `${method} ${url}`
  const since = age === undefined ? '' : `, at least ${age} ms old`
  const open = connectedFor === undefined ? '' : `, connected for ${connectedFor} ms`
  // A client of a Unix socket has none.
  const client =
    remoteAddress === undefined ? 'a client without an address' : `${remoteAddress}:${remotePort}`
  return `${what} from ${client} (${state}${since}${open})`
}

/** One line for a log. */
export function summarise(result: DrainResult): string {
  const { milliseconds, finished, served, refused, left, websockets, reset, cut } = result
  const parts = [`${finished} finished`, `${served} served meanwhile`]
  if (refused > 0) parts.push(`${refused} refused`)
  if (left > 0) parts.push(`${left} left by the client`)
  if (websockets > 0) parts.push(`${websockets} WebSockets told`)
  if (reset > 0) parts.push(`up to ${reset} new connections reset`)
  return `drained in ${Math.round(milliseconds)} ms: ${parts.join(', ')}, ${cut.length} cut`
}
