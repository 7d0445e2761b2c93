import { act } from './act.ts'
import type { Entry } from './ledger.ts'
import { latencyOf } from './report.ts'
import type { RunReport } from './report.ts'
import type { Running } from './server/running.ts'
import type { Findings, Settings } from './settings.ts'
import type { Situation } from './situations/situation.ts'
import { Stage } from './stage.ts'
import { until } from './until.ts'
import { endingInWords, endingOf, isOwnSignal, lossFaults } from './verdict.ts'
import type { Ending, Fault } from './verdict.ts'

/** Plays a situation in which the server stops, and judges the outcome. */
export async function stopOnce(
  situation: Situation,
  server: Running,
  findings: Findings,
  settings: Settings,
  signal: NodeJS.Signals,
): Promise<RunReport> {
  const over = new AbortController()
  let limit: NodeJS.Timeout | undefined
  const trigger = async (): Promise<void> => {
    server.signal(signal)
    limit = setTimeout(() => over.abort(), settings.limit)
  }
  const stage = new Stage({ settings, findings, server, trigger, over: over.signal })
  const acted = await act(situation, stage)
  // The clients have disconnected, so from here on only the server itself can delay its end.
  const eventAt = stage.ledger.eventAt ?? performance.now()
  if (stage.ledger.eventAt !== undefined) await untilGone(server, eventAt + settings.limit)
  clearTimeout(limit)
  over.abort()
  stage.ledger.closeAll()
  const timeline = stage.ledger.entries()
  const skipped = acted.skipped ?? (acted.faults.length === 0 ? unspanned(situation, timeline) : undefined)
  const ending = server.exit && endingOf(server.exit, eventAt)
  const faults = [...acted.faults, ...lossFaults(timeline)]
  if (stage.ledger.eventAt !== undefined)
    faults.push(...exitFaults(situation, server, ending, settings, signal))
  if (skipped !== undefined) faults.length = 0
  return {
    verdict: skipped !== undefined ? 'skip' : faults.length > 0 ? 'fail' : 'pass',
    ...(skipped !== undefined && { reason: skipped }),
    counts: stage.ledger.counts(),
    faults,
    ending,
    endingInWords: endingInWords(ending, signal),
    connections: stage.kept,
    latency: latencyOf(timeline),
    timeline,
  }
}

export const tooQuick = 'the response was there before the signal: name a slower route'

/** Why a run shows nothing, if every response arrived before the event although one had to be in flight. */
export function unspanned({ spansEvent }: Situation, timeline: readonly Entry[]): string | undefined {
  return spansEvent && timeline.length > 0 && timeline.every(({ to }) => to < 0) ? tooQuick : undefined
}

/** Resolves when no process of the server is left, or at the deadline. */
async function untilGone(server: Running, deadline: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise(
    (resolve) => (timer = setTimeout(resolve, Math.max(0, deadline - performance.now()))),
  )
  await Promise.race([server.exited, late])
  clearTimeout(timer)
  await until(() => server.members().length === 0 || undefined, deadline, 20)
}

function exitFaults(
  { cuts = false }: Situation,
  server: Running,
  ending: Ending | undefined,
  { limit }: Settings,
  signal: NodeJS.Signals,
): Fault[] {
  if (ending === undefined) {
    const why = server.whyItStays?.(signal)
    const because = why === undefined ? '' : `: ${why}`
    return [{ kind: 'running', saw: `the server was still running ${limit} ms after ${signal}${because}` }]
  }
  const left = server.members()
  if (left.length > 0) {
    const pids = left.map(({ pid }) => pid).join(', ')
    return [
      {
        kind: 'left-behind',
        saw: `the process that got ${signal} had ended, and ${pids} of its processes had not`,
      },
    ]
  }
  const { status, signal: by } = ending
  if (cuts || status === 0 || status === undefined || isOwnSignal(ending, signal)) return []
  return [
    {
      kind: 'status',
      saw: `the server ended with ${by ?? `exit status ${status}`}, though nothing had to be cut`,
    },
  ]
}
