import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionRefused, LostRequest } from './client-errors.ts'
import type { KindTally } from './kind-tally.ts'
import type { RawClient, RawResponse } from './raw-client.ts'
import type { Job } from './traffic-jobs.ts'

/** How a client comes to a connection. @throws ConnectionRefused if there is none. */
export type Connector = () => Promise<RawClient>

/** What all clients of one kind share. */
export interface Run {
  tally: KindTally
  /** Tells them to finish the request they are at and to go. */
  stop: AbortSignal
  /** Milliseconds after which a request is lost. */
  timeout: number
  /** The pause between an answer and the next request. */
  think: () => Promise<unknown>
  /** Counts a 503 as an answer. @default false */
  allowUnavailable?: boolean
  onResponse?: (response: RawResponse) => void
}

/** How long a client that was refused waits before it tries again. */
const REFUSED_PAUSE = 10

/** Keeps one connection for as long as the server lets it, and asks on it again and again. */
export function keepAliveClient(job: Job, connector: Connector, run: Run): Promise<void> {
  return keepConnection((client) => performBurst(client, job, run), connector, run)
}

/**
 * Keeps one connection for as long as the server lets it.
 * @param exchange writes some requests and counts what becomes of them; resolves with whether all were answered as
 *   they should be
 */
export async function keepConnection(
  exchange: (client: RawClient) => Promise<boolean>,
  connector: Connector,
  run: Run,
): Promise<void> {
  const { connections } = run.tally
  connections.clients += 1
  for (let first = true; !run.stop.aborted; first = false) {
    const client = await connect(connector, run)
    if (!client) continue
    connections.opened += 1
    if (first) connections.kept += 1
    let right = true
    while (right && !run.stop.aborted && client.open && !client.sawClose) {
      right = await exchange(client)
      await run.think()
    }
    // Still open means that it is kept to the end; wrong, that it is already counted as a loss.
    const over = right && client.sawClose ? 'fin' : client.open ? undefined : await client.ended
    if (first && (over || !right)) connections.kept -= 1
    if (right && over === 'fin') connections.closed += 1
    if (right && over === 'reset') connections.reset += 1
    client.destroy()
  }
}

/** Makes a connection for every request. */
export async function connectionClient(job: Job, connector: Connector, run: Run): Promise<void> {
  while (!run.stop.aborted) {
    const client = await connect(connector, run)
    if (!client) continue
    await perform(client, job, run)
    client.destroy()
    await run.think()
  }
}

/** Counts a connect that is refused and waits a little before the next. */
export async function connect<Connection>(
  connector: () => Promise<Connection>,
  run: Run,
): Promise<Connection | undefined> {
  try {
    return await connector()
  } catch (error) {
    if (!(error instanceof ConnectionRefused)) throw error
    run.tally.refused()
    await delay(REFUSED_PAUSE)
    return undefined
  }
}

/** Writes all requests of a burst at once; whether all were answered as they should be. */
async function performBurst(client: RawClient, job: Job, run: Run): Promise<boolean> {
  client.socket.cork()
  const burst = Array.from({ length: job.burst ?? 1 }, () => perform(client, job, run))
  client.socket.uncork()
  return (await Promise.all(burst)).every(Boolean)
}

/** Makes one request and counts what becomes of it; whether it was answered as it should be. */
async function perform(client: RawClient, job: Job, run: Run): Promise<boolean> {
  const { request, problem } = job.next()
  const startedAt = performance.now()
  let wrong: string | undefined
  try {
    const response = await client.request({ ...request, timeout: run.timeout })
    if (response.status === 503 && run.allowUnavailable) run.tally.counts.unavailable += 1
    else wrong = problem(response)
    run.onResponse?.(response)
  } catch (error) {
    if (!(error instanceof LostRequest)) throw error
    wrong = error.message
  }
  if (wrong === undefined) run.tally.answered(startedAt)
  else run.tally.lost(wrong)
  return wrong === undefined
}
