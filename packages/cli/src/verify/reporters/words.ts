import type { Cure } from '../cures.ts'
import type { RunReport, SituationReport } from '../report.ts'
import { outcomes } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'

const words: Record<Outcome, string> = {
  answered: 'answered',
  kept: 'kept open',
  refused: 'refused politely',
  ended: 'closed',
  hung: 'hung',
  cut: 'cut short',
  reset: 'reset',
  lost: 'lost',
  failed: 'failed',
  down: 'no connection',
}

export function outcomeInWords(outcome: Outcome): string {
  return words[outcome]
}

/** A failure in one line. */
export function cureInWords({ saw, cure }: { readonly saw: string; readonly cure: Cure }): string {
  const { cause, express, koa, fastify, elsewhere } = cure
  return `${saw}. Usual cause: ${cause}. Express: ${express}. Koa: ${koa}. Fastify: ${fastify}. Elsewhere: ${elsewhere}.`
}

/** `120 answered, 3 lost` */
export function countsInWords({ counts, verdict, reason, faults, connections, ending }: RunReport): string {
  if (verdict === 'skip') return reason ?? ''
  const parts = outcomes.flatMap((outcome) =>
    counts[outcome] ? [`${counts[outcome]} ${words[outcome]}`] : [],
  )
  // A stop keeps no connection.
  if (connections !== undefined && ending === undefined && connections.kept > 0)
    parts.push(`${connections.kept} of ${connections.clients} connections kept`)
  if (faults.some(({ kind }) => kind === 'running')) parts.push('process hung')
  if (faults.some(({ kind }) => kind === 'left-behind')) parts.push('process left behind')
  if (faults.some(({ kind }) => kind === 'status')) parts.push('wrong exit status')
  return parts.join(', ') || 'no request'
}

/** `exit 0 in 0.3 s` */
export function endInWords({ ending, endingInWords }: RunReport): string {
  return ending === undefined ? endingInWords : `${endingInWords} in ${(ending.after / 1000).toFixed(1)} s`
}

/** The most informative run: the first failed run, else the last run. */
export function telling({ runs }: SituationReport): RunReport {
  return (runs.find(({ verdict }) => verdict === 'fail') ?? runs.at(-1)) as RunReport
}

export function repeated({ runs }: SituationReport): string {
  if (runs.length < 2) return ''
  return ` (passed ${runs.filter(({ verdict }) => verdict === 'pass').length} of ${runs.length} times)`
}
