import { type LatencySummary, mebibytes, ranges, span } from '@zerodrop/traffic'
import type { ProcessSize } from '../process-size.ts'
import type { DemoOptions } from './arguments.ts'
import type { Outcome } from './run.ts'

const LABEL = 28

/** Prints what a run came to. */
export function printOutcome({ name }: DemoOptions, outcome: Outcome): void {
  const { report, restarts, first, last, stderr } = outcome
  const { kept, clients } = report.connections
  const row = (label: string, value: string): void => console.log(`${label.padEnd(LABEL)}${value}`)
  console.log(`\n${name}, Node ${process.version}, ${restarts.length} restarts\n`)
  row('requests', report.requests.toLocaleString('en'))
  row('lost', String(report.lost))
  row('refused', String(report.refused))
  row('connections kept', `${kept} of ${clients}`)
  row('versions seen', ranges(report.versions))
  row('latency, quiet', latency(report.latency.quiet))
  row('latency, around a restart', latency(report.latency.around))
  if (restarts.length > 0) {
    row('new version serving after', span(restarts.map(({ serving }) => serving)))
    row('old process gone after', span(restarts.map(({ gone }) => gone)))
  }
  if (first !== undefined && last !== undefined) {
    row('first process', size(first))
    row('last process', size(last))
  }
  if (stderr !== '') console.log(`\nThe server wrote to stderr:\n${stderr.slice(-4000)}`)
}

function latency({ count, p50, p99, max }: LatencySummary): string {
  if (count === 0) return 'no requests'
  return `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`
}

function size({ memory, descriptors }: ProcessSize): string {
  return `${mebibytes(memory)} of memory, ${descriptors} descriptors`
}
