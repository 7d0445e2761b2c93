import { setTimeout as delay } from 'node:timers/promises'
import type { ConnectOptions, RawResponse } from './raw-client.ts'
import { connectionClient, keepAliveClient } from './traffic-clients.ts'
import type { Run } from './traffic-clients.ts'
import { quickJob, slowJob, uploadJob } from './traffic-jobs.ts'
import type { ClientKind, TrafficReport } from './traffic-report.ts'
import { TrafficTally } from './traffic-tally.ts'

export interface TrafficOptions {
  /** Where clients that keep their connections go: a delay proxy, as a rule. */
  port: number
  /** Where clients that connect for every request go. @default port */
  directPort?: number
  /** @default 50 */
  keepAliveClients?: number
  /** @default 4 */
  connectionClients?: number
  /** @default 4 */
  slowClients?: number
  /** @default 4 */
  uploadClients?: number
  /** Least and most milliseconds between an answer and the next request. @default [0, 20] */
  think?: [min: number, max: number]
  /** @default { quick: '/', slow: '/slow?ms=300', upload: '/upload' } */
  paths?: { quick?: string; slow?: string; upload?: string }
  /** Milliseconds after which a request is lost. @default 15000 */
  timeout?: number
  /** Count a 503 as an answer, apart from being `unavailable`; otherwise it is a loss. @default false */
  allowUnavailable?: boolean
  tls?: ConnectOptions['tls']
  onResponse?: (kind: ClientKind, response: RawResponse) => void
}

export interface Traffic {
  /** Says that something begins now, such as a restart, so that losses and latencies can be told by it. */
  mark(name: string): void
  /** Resolves when `count` more requests have ended, well or badly: a way to wait that is no sleep. */
  after(count: number): Promise<void>
  snapshot(): TrafficReport
  /** Lets every client finish the request it is at, closes all connections and reports. May be called twice. */
  stop(): Promise<TrafficReport>
}

/**
 * The mixed load that a restart has to bear: clients that keep a connection for the whole run, clients that make a new
 * one each time, requests that take long, and uploads that are half way at any time. It only counts; the test judges.
 */
export function startTraffic(options: TrafficOptions): Traffic {
  const { port, directPort = port, tls } = options
  const { keepAliveClients = 50, connectionClients = 4, slowClients = 4, uploadClients = 4 } = options
  const { quick = '/', slow = '/slow?ms=300', upload = '/upload' } = options.paths ?? {}
  const [least, most] = options.think ?? [0, 20]
  const tally = new TrafficTally()
  const run: Run = {
    tally,
    stopping: false,
    allowUnavailable: options.allowUnavailable ?? false,
    timeout: options.timeout ?? 15_000,
    think: () => delay(least + Math.random() * (most - least)),
    onResponse: options.onResponse ?? (() => {}),
  }
  const kept: ConnectOptions = { port, ...(tls && { tls }) }
  const direct: ConnectOptions = { port: directPort, ...(tls && { tls }) }
  const servedBy = (version: string, pid: number): void => tally.servedBy(version, pid)

  const all = Promise.all([
    ...times(keepAliveClients, () => keepAliveClient(quickJob('quick', quick, servedBy), kept, run)),
    ...times(connectionClients, () => connectionClient(quickJob('connection', quick, servedBy), direct, run)),
    ...times(slowClients, () => keepAliveClient(slowJob(slow), kept, run)),
    // Half of the uploads state their length, the others are chunked.
    ...times(uploadClients, (index) => keepAliveClient(uploadJob(upload, index % 2 === 1), kept, run)),
  ])
  // An error here is a bug (the server's faults are counted, not thrown); it is stop's to throw.
  all.catch(() => {})

  return {
    mark: (name) => tally.mark(name),
    after: (count) => tally.after(count),
    snapshot: () => tally.report(),
    async stop() {
      run.stopping = true
      try {
        await all
      } finally {
        tally.close()
      }
      return tally.report()
    },
  }
}

function times<Made>(count: number, make: (index: number) => Made): Made[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
