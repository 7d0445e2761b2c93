import type { LatencyReport } from './latency.ts'
import type { TallyReport } from './traffic-tally.ts'

export type ClientKind = 'quick' | 'connection' | 'slow' | 'upload'

export interface TrafficReport extends TallyReport<ClientKind> {
  /** Of quick requests on kept connections; those within a second after a mark are `around` it. */
  latency: LatencyReport
}
