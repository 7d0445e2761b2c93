import { build } from 'hdr-histogram-js'
import type { Histogram } from 'hdr-histogram-js'

/** Milliseconds, to the microsecond. */
export interface LatencySummary {
  count: number
  p50: number
  p99: number
  max: number
}

export interface LatencyReport {
  quiet: LatencySummary
  around: LatencySummary
}

/** The time around something that happens, such as a restart: a request that was under way in it was made around it. */
export class Around {
  #from = Number.NEGATIVE_INFINITY
  #until = Number.NEGATIVE_INFINITY

  /** It begins now and is over after these milliseconds, or when `endIn` says. */
  begin(milliseconds: number): void {
    this.#from = performance.now()
    this.#until = this.#from + milliseconds
  }

  endIn(milliseconds: number): void {
    this.#until = performance.now() + milliseconds
  }

  includes(startedAt: number, endedAt: number): boolean {
    return endedAt >= this.#from && startedAt <= this.#until
  }
}

/** Latencies in two histograms: those around what happens, and those of quiet times. */
export class LatencyRecorder {
  readonly #around: Around
  readonly #histograms = { quiet: create(), around: create() }

  constructor(around: Around) {
    this.#around = around
  }

  record(startedAt: number, endedAt: number): void {
    const { quiet, around } = this.#histograms
    const histogram = this.#around.includes(startedAt, endedAt) ? around : quiet
    histogram.recordValue(Math.max(1, Math.round((endedAt - startedAt) * 1000)))
  }

  summary(): LatencyReport {
    const { quiet, around } = this.#histograms
    return { quiet: summarise(quiet), around: summarise(around) }
  }
}

function create(): Histogram {
  // Microseconds up to a minute, which is beyond every timeout here; three digits are plenty.
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  })
}

function summarise(histogram: Histogram): LatencySummary {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000
  return { count: histogram.totalCount, p50: at(50), p99: at(99), max: histogram.maxValue / 1000 }
}
