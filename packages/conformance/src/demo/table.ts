import type { LatencySummary } from '../latency.ts'
import type { DemoOptions } from './arguments.ts'
import type { RestartTimes } from './deployment.ts'
import type { ProcessSize } from './process-size.ts'
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
    row('new version serving after', span(restarts, 'serving'))
    row('old process gone after', span(restarts, 'gone'))
  }
  if (first !== undefined && last !== undefined) {
    row('first process', size(first))
    row('last process', size(last))
  }
  if (stderr !== '') console.log(`\nThe server wrote to stderr:\n${stderr.slice(-4000)}`)
}

/** `1 2 3 5` is `1 to 3, 5`. */
function ranges(versions: readonly string[]): string {
  const runs: string[][] = []
  for (const version of versions) {
    const run = runs.at(-1)
    if (run !== undefined && Number(run.at(-1)) + 1 === Number(version)) run.push(version)
    else runs.push([version])
  }
  return runs.map((run) => (run.length > 1 ? `${run[0]} to ${run.at(-1)}` : run[0])).join(', ')
}

function latency({ count, p50, p99, max }: LatencySummary): string {
  if (count === 0) return 'no requests'
  return `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`
}

function span(restarts: readonly RestartTimes[], what: keyof RestartTimes): string {
  const times = restarts.map((restart) => restart[what]).sort((a, b) => a - b)
  const at = (index: number): string => (times[index] ?? 0).toFixed(0)
  return `${at(0)} to ${at(times.length - 1)} ms, median ${at((times.length - 1) >> 1)} ms`
}

function size({ memory, descriptors }: ProcessSize): string {
  return `${(memory / 1024 / 1024).toFixed(0)} MiB of memory, ${descriptors} descriptors`
}
