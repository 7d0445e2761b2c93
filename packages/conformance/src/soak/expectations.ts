import { mebibytes, ranges } from '@zerodrop/traffic'
import type { SoakOptions } from './arguments.ts'
import { judgedKinds, keptKinds, kinds } from './kinds.ts'
import type { SoakKind } from './kinds.ts'
import type { SoakOutcome } from './run.ts'
import { isFlat, trendOf } from './trend.ts'

/** Of fewer restarts neither a percentile nor a trend says much. */
export const ENOUGH_RESTARTS = 8

/** How much slower the slowest hundredth may be around a restart. */
const LATENCY_FACTOR = 2
/** What resident memory and descriptors may differ by, if a tenth of them is less. */
const MEMORY_ALLOWANCE = 4 * 1024 * 1024
const DESCRIPTOR_ALLOWANCE = 4

/** The share of TLS connections after the first ones that have to take up the session of the one before. */
const LEAST_RESUMED = 0.99

/** What should have been and was not, in words; nothing if all is well. */
export function unmetExpectations({ restarts, control }: SoakOptions, outcome: SoakOutcome): string[] {
  const { report, samples, problem } = outcome
  const unmet = [
    problem !== undefined && `the run was not completed: ${problem.message}`,
    report.lost > 0 && `lost ${report.lost} of ${report.requests} requests, such as: ${losses(outcome)}`,
    report.refused > 0 && `refused ${report.refused} connections`,
    ...keptKinds.map((kind) => unkept(kind, outcome)),
    report.connections.reset > 0 && `reset ${report.connections.reset} connections between two requests`,
    report.versions.join() !== generations(control ? 0 : restarts).join() &&
      `the generations seen were ${ranges(report.versions)}, not 1 to ${control ? 1 : restarts + 1}`,
    samples.some(({ processes }) => processes !== 1) && 'there was more than one process between restarts',
    ...(control || restarts < ENOUGH_RESTARTS ? [] : unmetTrends(outcome)),
  ]
  return unmet.filter((each) => each !== false)
}

/** Of TLS connections after the first ones; undefined if there were none. */
export function resumed({ report }: SoakOutcome, kind: SoakKind): number | undefined {
  const { connections, resumed } = report.byKind[kind]
  const again = connections.opened - connections.clients
  return again > 0 ? resumed / again : undefined
}

/** How many times as long the slowest hundredth of requests takes around a restart. */
export function latencyFactor({ report }: SoakOutcome, kind: SoakKind): number {
  const { quiet, around } = report.byKind[kind].latency
  return around.p99 / quiet.p99
}

function unmetTrends(outcome: SoakOutcome): (string | false)[] {
  const memory = trendOf(outcome.samples.map((sample) => sample.memory))
  const descriptors = trendOf(outcome.samples.map((sample) => sample.descriptors))
  return [
    ...judgedKinds.map((kind) => {
      const factor = latencyFactor(outcome, kind)
      return (
        factor > LATENCY_FACTOR && `p99 of ${kinds[kind]} is ${factor.toFixed(1)} times as long at a restart`
      )
    }),
    ...(['tls', 'h2'] as const).map((kind) => {
      const share = resumed(outcome, kind) ?? 1
      return share < LEAST_RESUMED && `${kinds[kind]} resumed ${(share * 100).toFixed(0)} % of its sessions`
    }),
    !isFlat(memory, MEMORY_ALLOWANCE) &&
      `memory went from ${mebibytes(memory.early)} to ${mebibytes(memory.late)}`,
    !isFlat(descriptors, DESCRIPTOR_ALLOWANCE) &&
      `descriptors went from ${descriptors.early} to ${descriptors.late}`,
  ]
}

function unkept(kind: SoakKind, { report }: SoakOutcome): string | false {
  const { clients, opened, kept, closed } = report.byKind[kind].connections
  return (
    (kept !== clients || opened !== clients) &&
    `kept ${kept} of ${clients} connections of ${kinds[kind]}; the server closed ${closed} between two requests`
  )
}

function losses({ report }: SoakOutcome): string {
  return report.losses
    .slice(0, 3)
    .map(({ kind, reason, mark, sinceMark }) => `${kinds[kind]} (${reason}), ${sinceMark} ms after ${mark}`)
    .join('; ')
}

function generations(restarts: number): string[] {
  return Array.from({ length: restarts + 1 }, (_, index) => String(index + 1))
}
