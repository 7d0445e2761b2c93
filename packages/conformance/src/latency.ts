import { build } from 'hdr-histogram-js'
import type { Histogram } from 'hdr-histogram-js'

/** Milliseconds, to the microsecond. */
export interface LatencySummary {
  count: number
  p50: number
  p99: number
  max: number
}

/** How long after a mark a request still counts as made around it. */
const AROUND = 1000

/** Latencies in two histograms: those around a mark, such as a restart, and those of quiet times. */
export class LatencyRecorder {
  readonly #quiet: Histogram = create()
  readonly #around: Histogram = create()
  #markedAt = Number.NEGATIVE_INFINITY

  mark(): void {
    this.#markedAt = performance.now()
  }

  /** A request that was under way at any moment from the mark until a second after it is one around it. */
  record(startedAt: number, endedAt: number): void {
    const around = endedAt >= this.#markedAt && startedAt <= this.#markedAt + AROUND
    const histogram = around ? this.#around : this.#quiet
    histogram.recordValue(Math.max(1, Math.round((endedAt - startedAt) * 1000)))
  }

  summary(): { quiet: LatencySummary; around: LatencySummary } {
    return { quiet: summarise(this.#quiet), around: summarise(this.#around) }
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
