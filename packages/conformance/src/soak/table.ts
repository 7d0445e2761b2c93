import { type LatencySummary, mebibytes, ranges, span } from '@zerodrop/traffic'
import { ENOUGH_RESTARTS, latencyFactor, resumed } from './expectations.ts'
import { allKinds, keptKinds, kinds, quickKinds } from './kinds.ts'
import type { SoakKind } from './kinds.ts'
import type { Sample } from './restarts.ts'
import type { SoakOutcome } from './run.ts'
import { trendOf } from './trend.ts'

const LABEL = 28

/** Prints what a run over one server came to. */
export function printOutcome(outcome: SoakOutcome): void {
  const { name, report, restarts, samples, seconds, cpu, stderr } = outcome
  console.log(`\n${name}, Node ${process.version}, ${restarts.length} restarts in ${seconds.toFixed(0)} s\n`)
  clientRow('clients', ['requests', 'lost', 'refused', 'retried', 'connections', 'p99 quiet', 'around'])
  for (const kind of allKinds) clientRow(kinds[kind], cells(kind, outcome))
  const { requests, lost, refused, retried } = report
  clientRow('all', [requests.toLocaleString('en'), String(lost), String(refused), String(retried)])
  console.log()
  const factors = quickKinds.map((kind) => `${latencyFactor(outcome, kind).toFixed(2)} (${kinds[kind]})`)
  row('p99 around / quiet', factors.join(', '))
  row('generations seen', ranges(report.versions))
  row('new process serving after', span(restarts.map(({ serving }) => serving)))
  row('old process gone after', span(restarts.map(({ gone }) => gone)))
  if (samples.length > 0) printSamples(samples)
  row('clients used', `${(cpu * 100).toFixed(0)} % of a core`)
  if (restarts.length < ENOUGH_RESTARTS)
    console.log(`\nLatency, memory and descriptors are not judged by fewer than ${ENOUGH_RESTARTS} restarts.`)
  if (stderr !== '') console.log(`\nThe server wrote to stderr:\n${stderr.slice(-2000)}`)
}

function printSamples(samples: readonly Sample[]): void {
  const trend = (figure: keyof Sample, inWords: (value: number) => string): string => {
    const { early, late } = trendOf(samples.map((sample) => sample[figure]))
    return `${inWords(early)}, later ${inWords(late)}`
  }
  row('memory', `${trend('memory', mebibytes)}; of the soak itself ${trend('own', mebibytes)}`)
  row('descriptors', trend('descriptors', String))
  row('processes', ranges([...new Set(samples.map(({ processes }) => String(processes)))].sort()))
}

/** Prints what all runs together came to. */
export function printTotal(outcomes: readonly SoakOutcome[]): void {
  const total = (figure: (outcome: SoakOutcome) => number): string =>
    outcomes.reduce((sum, outcome) => sum + figure(outcome), 0).toLocaleString('en')
  const plain = ({ report }: SoakOutcome, figure: 'kept' | 'clients'): number =>
    keptKinds.reduce((sum, kind) => sum + report.byKind[kind].connections[figure], 0)
  const figures = {
    restarts: total(({ restarts }) => restarts.length),
    requests: total(({ report }) => report.requests),
    lost: total(({ report }) => report.lost),
    refused: total(({ report }) => report.refused),
    'plain connections kept': `${total((each) => plain(each, 'kept'))} of ${total((each) => plain(each, 'clients'))}`,
  }
  console.log(`\n${outcomes.map(({ name }) => name).join(', ')}\n`)
  for (const [label, value] of Object.entries(figures)) row(label, value)
}

function cells(kind: SoakKind, outcome: SoakOutcome): string[] {
  const { answered, lost, refused, retried, latency } = outcome.report.byKind[kind]
  return [
    (answered + lost).toLocaleString('en'),
    String(lost),
    String(refused),
    kind === 'h2' || kind === 'h2c' ? String(retried) : '',
    connections(kind, outcome),
    p99(latency.quiet),
    p99(latency.around),
  ]
}

function connections(kind: SoakKind, outcome: SoakOutcome): string {
  const { opened, kept, clients } = outcome.report.byKind[kind].connections
  if (keptKinds.includes(kind)) return `${kept} of ${clients} kept`
  if (kind === 'connection') return ''
  const share = kind === 'h2c' ? undefined : resumed(outcome, kind)
  return share === undefined ? `${opened}` : `${opened}, ${(share * 100).toFixed(0)} % resumed`
}

function p99({ count, p99 }: LatencySummary): string {
  return count === 0 ? '' : `${p99.toFixed(1)} ms`
}

function clientRow(label: string, texts: readonly string[]): void {
  const widths = [9, 6, 8, 8, 19, 11, 11]
  console.log(
    label.padEnd(LABEL - 1) + texts.map((text, index) => text.padStart(widths[index] ?? 0)).join(''),
  )
}

function row(label: string, value: string): void {
  console.log(`${label.padEnd(LABEL)}${value}`)
}
