import type { LatencySummary } from './latency.ts'

export type ClientKind = 'quick' | 'connection' | 'slow' | 'upload'

/** One lost request, told so that it can be found in a server's log. */
export interface LossSample {
  kind: ClientKind
  reason: string
  /** Milliseconds since the traffic started. */
  at: number
  /** The last mark before it and how many milliseconds before. */
  mark: string | undefined
  sinceMark: number | undefined
}

export interface TrafficReport {
  /** Requests of which bytes were written: answered or lost. */
  requests: number
  answered: number
  /** No whole, right answer came. A refused upstream of the proxy shows here too: the client had written by then. */
  lost: number
  /** Connects that failed. */
  refused: number
  /** Whole 503 answers, if the traffic was told to allow them; otherwise they are among the lost. */
  unavailable: number
  /** The first ten losses. */
  losses: LossSample[]
  byKind: Record<ClientKind, { answered: number; lost: number }>
  /** Of the clients that keep theirs alive. */
  connections: {
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
  /** Versions that answered quick requests, in order of first appearance. */
  versions: string[]
  /** Pids that answered quick requests, in order of first appearance. */
  pids: number[]
  /** Of quick requests on kept connections; those within a second after a mark are `around` it. */
  latency: { quiet: LatencySummary; around: LatencySummary }
}
