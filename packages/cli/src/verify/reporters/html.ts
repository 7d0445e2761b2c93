import type { Entry } from '../ledger.ts'
import type { Report, RunReport, SituationReport } from '../report.ts'
import { style } from './html-style.ts'
import { countsInWords, endInWords, outcomeInWords, repeated, telling } from './words.ts'

const WIDTH = 1000
const LANE = 9
/** More lanes would be unreadable; clients with losses come first. */
const MAX_LANES = 60

/** A self-contained page without scripts. */
export function html(report: Report): string {
  const { command, event, passed, failed, skipped, took, tool, node, date, address, remarks } = report
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>zerodrop verify: ${escape(command)}</title>
<style>${style}</style>
<main>
<h1><code>${escape(command)}</code>, ${escape(event)}</h1>
<p class="sum"><b class="pass">${passed} passed</b> <b class="${failed > 0 ? 'fail' : 'skip'}">${failed} failed</b> <b class="skip">${skipped} skipped</b>
in ${(took / 1000).toFixed(1)} s at ${escape(address)}</p>
${remarks.map((remark) => `<p>${escape(remark)}</p>`).join('\n')}
<p class="legend">${legend()}</p>
${report.situations.map(section).join('\n')}
<footer>${escape(tool)}, Node ${escape(node)}, ${escape(date)}</footer>
</main>
</html>
`
}

function legend(): string {
  const shown = [
    'answered',
    'kept',
    'refused',
    'ended',
    'hung',
    'cut',
    'reset',
    'lost',
    'failed',
    'down',
  ] as const
  return shown.map((outcome) => `<span><i class="${outcome}"></i>${outcomeInWords(outcome)}</span>`).join(' ')
}

function section(situation: SituationReport): string {
  const { title, does, judges, verdict, cures } = situation
  const run = telling(situation)
  const head = `<h2 class="${verdict}">${escape(title)}</h2><p>${escape(does)}; ${escape(judges)}.</p>`
  if (verdict === 'skip')
    return `<section>${head}<p class="skip">Skipped: ${escape(run.reason ?? '')}.</p></section>`
  const told = `<p><b class="${verdict}">${escape(countsInWords(run) + repeated(situation))}</b>, ${escape(endInWords(run))}${latency(run)}${run.remark === undefined ? '' : `; ${escape(run.remark)}`}</p>`
  const mended = cures.map(
    ({ saw, cure }) =>
      `<dl><dt>Seen</dt><dd>${escape(saw)}</dd><dt>Usual cause</dt><dd>${escape(cure.cause)}</dd><dt>Express</dt><dd>${escape(cure.express)}</dd><dt>Koa</dt><dd>${escape(cure.koa)}</dd><dt>Fastify</dt><dd>${escape(cure.fastify)}</dd><dt>Elsewhere</dt><dd>${escape(cure.elsewhere)}</dd></dl>`,
  )
  return `<section>${head}${told}${timeline(run)}${mended.join('')}</section>`
}

function latency({ latency: { before, around } }: RunReport): string {
  const words = ({ p50, p99, max }: typeof before): string => `p50 ${p50}, p99 ${p99}, max ${max} ms`
  if (around.count === 0) return ''
  return before.count === 0
    ? `; latency around the event: ${words(around)}`
    : `; latency before: ${words(before)}; around the event: ${words(around)}`
}

/** Draws a lane for each client, a bar for each request, and a line at the signal. */
function timeline({ timeline: entries, ending, took }: RunReport): string {
  if (entries.length === 0) return ''
  const from = Math.min(0, ...entries.map((entry) => entry.from))
  const to = Math.max(1, ending?.after ?? 0, took ?? 0, ...entries.map((entry) => entry.to))
  const x = (time: number): number => Math.round(((time - from) / (to - from)) * WIDTH * 10) / 10
  const lanes = lanesOf(entries)
  const height = lanes.length * LANE
  const bars = lanes.flatMap((lane, at) => lane.map((entry) => bar(entry, at, x)))
  const end = ending && `<line class="end" x1="${x(ending.after)}" x2="${x(ending.after)}" y2="${height}"/>`
  return `<svg viewBox="0 -2 ${WIDTH} ${height + 18}" role="img">
<line class="event" x1="${x(0)}" x2="${x(0)}" y2="${height}"/>${end ?? ''}
${bars.join('')}
<text x="${x(0)}" y="${height + 12}">signal</text><text class="right" x="${WIDTH}" y="${height + 12}">${Math.round(to)} ms</text>
</svg>`
}

function bar({ what, outcome, from, to, detail }: Entry, lane: number, x: (time: number) => number): string {
  const title = `${what}: ${outcomeInWords(outcome)}, ${from} to ${to} ms${detail === undefined ? '' : `, ${detail}`}`
  const width = Math.max(1.5, x(to) - x(from))
  return `<rect class="${outcome}" x="${x(from)}" y="${lane * LANE}" width="${width}" height="${LANE - 2}"><title>${escape(title)}</title></rect>`
}

function lanesOf(entries: readonly Entry[]): Entry[][] {
  const lanes = new Map<string, Entry[]>()
  for (const entry of entries) lanes.set(entry.client, [...(lanes.get(entry.client) ?? []), entry])
  const worst = (lane: Entry[]): number => (lane.some(({ outcome }) => lossClasses.has(outcome)) ? 0 : 1)
  return [...lanes.values()].sort((one, other) => worst(one) - worst(other)).slice(0, MAX_LANES)
}

const lossClasses = new Set<string>(['hung', 'cut', 'reset', 'lost', 'failed', 'down'])

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
