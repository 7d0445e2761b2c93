import { parentPort, workerData } from 'node:worker_threads'
import { startDelayProxy, type TallyReport, TrafficTally } from '@zerodrop/traffic'
import type { Standing } from './clients.ts'
import type { SoakKind } from './kinds.ts'
import { ROUND_TRIP, runMix } from './mix.ts'
import type { MixOptions } from './mix.ts'

/** The settings of a thread of clients. */
export interface ThreadData extends Pick<MixOptions, 'kinds' | 'clients'> {
  readonly ports: Omit<MixOptions['ports'], 'distant'>
}

/** The messages to a thread of clients. */
export type Order =
  | { readonly type: 'mark'; readonly name: string; readonly milliseconds: number }
  | { readonly type: 'calm'; readonly milliseconds: number }
  | { readonly type: 'stop' }

/** The messages from it: its progress, repeatedly, and its result at the end. */
export type News =
  | { readonly type: 'standing'; readonly standing: Standing }
  | { readonly type: 'report'; readonly report: TallyReport<SoakKind> }

const STANDING_INTERVAL = 50

/** The whole life of such a thread: it ends when its clients have gone. */
async function main(): Promise<void> {
  const port = parentPort
  if (port === null) throw new Error('this script runs in a thread of the soak only')
  const { kinds, ports, clients } = workerData as ThreadData
  const proxy = await startDelayProxy({ targetPort: ports.http, roundTrip: ROUND_TRIP })
  const tally = new TrafficTally(kinds)
  const stopping = new AbortController()
  const tell = (news: News): void => port.postMessage(news)
  const interval = setInterval(() => {
    const { requests, lost, refused } = tally.counts()
    tell({ type: 'standing', standing: { ended: tally.ended, requests, lost, refused } })
  }, STANDING_INTERVAL)
  port.on('message', (order: Order) => {
    if (order.type === 'mark') tally.mark(order.name, order.milliseconds)
    else if (order.type === 'calm') tally.calm(order.milliseconds)
    else stopping.abort()
  })
  // With everyone connecting at once the beginning is not quiet either.
  tally.mark('the start', Number.POSITIVE_INFINITY)
  await runMix({ kinds, ports: { ...ports, distant: proxy.port }, clients, tally, stop: stopping.signal })
  clearInterval(interval)
  await proxy.close()
  tell({ type: 'report', report: tally.report() })
  port.close()
}

await main()
