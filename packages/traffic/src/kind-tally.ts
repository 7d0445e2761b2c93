import { LatencyRecorder } from './latency.ts'
import type { Around, LatencyReport } from './latency.ts'

/** What becomes of the connections of clients that keep theirs. */
export interface ConnectionCounts {
  /** Such clients; if nothing ever closes, as many are opened and kept. */
  clients: number
  opened: number
  /** First connections that are open, or were at the end. */
  kept: number
  /** Ended by the server between two requests: `Connection: close`, or a FIN while idle. */
  closed: number
  /** Reset by the server between two requests. */
  reset: number
}

export interface KindCounts {
  answered: number
  /** Bytes were written, and no whole, right answer came. */
  lost: number
  /** Connects that failed. */
  refused: number
  /** Whole 503 answers, where those are allowed; they are among the answered. */
  unavailable: number
  /** Sent again because the server reported that it had not processed them. */
  retried: number
  /** Connections that took up the TLS session of an earlier one. */
  resumed: number
}

export interface KindReport extends KindCounts {
  connections: ConnectionCounts
  latency: LatencyReport
}

/** Where the clients of one kind count what happens to them. */
export class KindTally {
  readonly counts: KindCounts = { answered: 0, lost: 0, refused: 0, unavailable: 0, retried: 0, resumed: 0 }
  readonly connections: ConnectionCounts = { clients: 0, opened: 0, kept: 0, closed: 0, reset: 0 }
  readonly #latency: LatencyRecorder
  readonly #onEnd: (lostFor?: string) => void

  /** `onEnd` learns of every request and connect that has ended, and why a request is lost. */
  constructor(around: Around, onEnd: (lostFor?: string) => void) {
    this.#latency = new LatencyRecorder(around)
    this.#onEnd = onEnd
  }

  answered(startedAt: number): void {
    this.counts.answered += 1
    this.#latency.record(startedAt, performance.now())
    this.#onEnd()
  }

  lost(reason: string): void {
    this.counts.lost += 1
    this.#onEnd(reason)
  }

  refused(): void {
    this.counts.refused += 1
    this.#onEnd()
  }

  report(): KindReport {
    return { ...this.counts, connections: { ...this.connections }, latency: this.#latency.summary() }
  }
}
