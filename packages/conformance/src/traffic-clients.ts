import { setTimeout as delay } from 'node:timers/promises'
import { ConnectionRefused, LostRequest } from './client-errors.ts'
import { RawClient } from './raw-client.ts'
import type { ConnectOptions, RawResponse } from './raw-client.ts'
import type { Job } from './traffic-jobs.ts'
import type { ClientKind } from './traffic-report.ts'
import type { TrafficTally } from './traffic-tally.ts'

/** What all clients of one traffic share. */
export interface Run {
  tally: TrafficTally
  stopping: boolean
  allowUnavailable: boolean
  timeout: number
  think: () => Promise<unknown>
  onResponse: (kind: ClientKind, response: RawResponse) => void
}

/** How long a client that was refused waits before it tries again. */
const REFUSED_PAUSE = 10

/** Keeps one connection for as long as the server lets it, and asks on it again and again. */
export async function keepAliveClient(job: Job, to: ConnectOptions, run: Run): Promise<void> {
  const { connections } = run.tally
  connections.clients += 1
  for (let first = true; !run.stopping; first = false) {
    const client = await connect(to, run)
    if (!client) continue
    connections.opened += 1
    if (first) connections.kept += 1
    let right = true
    while (right && !run.stopping && client.open && !client.sawClose) {
      right = await perform(client, job, run)
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
export async function connectionClient(job: Job, to: ConnectOptions, run: Run): Promise<void> {
  while (!run.stopping) {
    const client = await connect(to, run)
    if (!client) continue
    await perform(client, job, run)
    client.destroy()
    await run.think()
  }
}

async function connect(to: ConnectOptions, run: Run): Promise<RawClient | undefined> {
  try {
    return await RawClient.connect(to)
  } catch (error) {
    if (!(error instanceof ConnectionRefused)) throw error
    run.tally.refused()
    await delay(REFUSED_PAUSE)
    return undefined
  }
}

/** Makes one request and counts what becomes of it; whether it was answered as it should be. */
async function perform(client: RawClient, job: Job, run: Run): Promise<boolean> {
  const { request, problem } = job.next()
  const startedAt = performance.now()
  let wrong: string | undefined
  try {
    const response = await client.request({ ...request, timeout: run.timeout })
    if (response.status === 503 && run.allowUnavailable) run.tally.unavailable()
    else wrong = problem(response)
    run.onResponse(job.kind, response)
  } catch (error) {
    if (!(error instanceof LostRequest)) throw error
    wrong = error.message
  }
  if (wrong === undefined) {
    run.tally.answered(job.kind)
    if (job.kind === 'quick') run.tally.latency.record(startedAt, performance.now())
  } else {
    run.tally.lost(job.kind, wrong)
  }
  return wrong === undefined
}
