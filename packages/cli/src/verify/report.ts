import type { Cure } from './cures.ts'
import type { Entry } from './ledger.ts'
import type { Outcome } from './outcome.ts'
import type { Ending, Fault } from './verdict.ts'

export interface Latency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** One run of a situation. */
export interface RunReport {
  readonly verdict: 'pass' | 'fail' | 'skip'
  /** Why the run was skipped. */
  readonly reason?: string
  /** What the run does not show, if that is less than the situation says. */
  readonly remark?: string | undefined
  readonly counts: Partial<Record<Outcome, number>>
  readonly faults: readonly Fault[]
  /** Undefined if the process has not ended, and in a restart. */
  readonly ending?: Ending | undefined
  readonly endingInWords: string
  /** How long a restart took until the old process had ended, in milliseconds. */
  readonly took?: number | undefined
  readonly connections?: { readonly clients: number; readonly kept: number } | undefined
  /** The latency of answered requests in milliseconds, before the event and from the event on. */
  readonly latency: { readonly before: Latency; readonly around: Latency }
  readonly timeline: readonly Entry[]
}

export interface SituationReport {
  readonly name: string
  readonly title: string
  readonly does: string
  readonly judges: string
  /** `fail` if any run failed, `skip` if every run was skipped. */
  readonly verdict: 'pass' | 'fail' | 'skip'
  readonly runs: readonly RunReport[]
  readonly cures: readonly (Fault & { readonly cure: Cure })[]
}

export interface Report {
  readonly tool: string
  readonly command: string
  readonly event: string
  readonly address: string
  readonly date: string
  readonly node: string
  readonly remarks: readonly string[]
  readonly situations: readonly SituationReport[]
  readonly took: number
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** The names of the situations whose runs did not all get the same verdict, with `--repeat`. */
  readonly unsteady: readonly string[]
}

/** The situations whose runs did not all get the same verdict. */
export function unsteadyOf(situations: readonly SituationReport[]): SituationReport[] {
  return situations.filter(({ runs }) => new Set(runs.map(({ verdict }) => verdict)).size > 1)
}

export function latencyOf(entries: readonly Entry[]): RunReport['latency'] {
  const answered = entries.filter(({ outcome }) => outcome === 'answered')
  const summary = (some: readonly Entry[]): Latency => {
    const sorted = some.map(({ from, to }) => to - from).sort((one, other) => one - other)
    const at = (share: number): number =>
      Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 10) / 10
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
  }
  return {
    before: summary(answered.filter(({ to }) => to < 0)),
    around: summary(answered.filter(({ to }) => to >= 0)),
  }
}
