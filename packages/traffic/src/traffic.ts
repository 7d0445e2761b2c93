import { setTimeout as delay } from 'node:timers/promises'
import { RawClient } from './raw-client.ts'
import type { ConnectOptions, RawResponse } from './raw-client.ts'
import { connectionClient, keepAliveClient } from './traffic-clients.ts'
import type { Connector, Run } from './traffic-clients.ts'
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

/** How long after a mark, in milliseconds, a request still counts as made around it. */
const AROUND = 1000

/**
 * The mixed load that a restart has to bear: clients that keep a connection for the whole run, clients that make a new
 * one each time, requests that take long, and uploads that are half way at any time. It only counts; the test judges.
 */
export function startTraffic(options: TrafficOptions): Traffic {
  const { port, directPort = port, tls } = options
  const { keepAliveClients = 50, connectionClients = 4, slowClients = 4, uploadClients = 4 } = options
  const { quick = '/', slow = '/slow?ms=300', upload = '/upload' } = options.paths ?? {}
  const [least, most] = options.think ?? [0, 20]
  const tally = new TrafficTally<ClientKind>(['quick', 'connection', 'slow', 'upload'])
  const stopping = new AbortController()
  const runOf = (kind: ClientKind): Run => ({
    tally: tally.kind(kind),
    stop: stopping.signal,
    allowUnavailable: options.allowUnavailable ?? false,
    timeout: options.timeout ?? 15_000,
    think: () => delay(least + Math.random() * (most - least)),
    onResponse: (response) => options.onResponse?.(kind, response),
  })
  const to = (target: number): Connector => {
    const connection: ConnectOptions = { port: target, ...(tls && { tls }) }
    return () => RawClient.connect(connection)
  }
  const kept = to(port)
  const servedBy = (version: string, pid: number): void => tally.servedBy(version, pid)
  // A client that wants one answer says so, and the server closes.
  const single = quickJob(quick, servedBy, { connection: 'close' })

  const all = Promise.all([
    ...times(keepAliveClients, () => keepAliveClient(quickJob(quick, servedBy), kept, runOf('quick'))),
    ...times(connectionClients, () => connectionClient(single, to(directPort), runOf('connection'))),
    ...times(slowClients, () => keepAliveClient(slowJob(slow), kept, runOf('slow'))),
    // Half of the uploads state their length, the others are chunked.
    ...times(uploadClients, (index) =>
      keepAliveClient(uploadJob(upload, index % 2 === 1), kept, runOf('upload')),
    ),
  ])
  // An error here is a bug (the server's faults are counted, not thrown); it is stop's to throw.
  all.catch(() => {})
  const report = (): TrafficReport => {
    const tallied = tally.report()
    return { ...tallied, latency: tallied.byKind.quick.latency }
  }

  return {
    mark: (name) => tally.mark(name, AROUND),
    after: (count) => tally.until(tally.ended + count),
    snapshot: report,
    async stop() {
      stopping.abort()
      try {
        await all
      } finally {
        tally.close()
      }
      return report()
    },
  }
}

function times<Made>(count: number, make: (index: number) => Made): Made[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
