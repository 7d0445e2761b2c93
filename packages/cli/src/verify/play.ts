import { cureFor, cures } from './cures.ts'
import { Deployed } from './deployed.ts'
import type { Launcher } from './launcher.ts'
import type { RunReport, SituationReport } from './report.ts'
import { stopOnce, tooQuick } from './stopped.ts'
import type { Findings, Settings } from './settings.ts'
import type { Situation } from './situations/situation.ts'
import type { FaultKind } from './verdict.ts'

export interface PlayOptions {
  readonly situations: readonly Situation[]
  readonly launcher: Launcher
  readonly findings: Findings
  readonly settings: Settings
  readonly repeat: number
  readonly jobs: number
  readonly onBegin: (situation: Situation) => void
  readonly onEnd: (report: SituationReport) => void
}

/** Plays all situations, in parallel if the servers need no fixed port. */
export async function play(options: PlayOptions): Promise<SituationReport[]> {
  const { situations } = options
  const reports = new Map<Situation, SituationReport>()
  // A broken version would break the deploys of the other servers too.
  const isBroken = ({ event }: Situation): boolean => event === 'broken'
  await playSideBySide(
    situations.filter((each) => !isBroken(each)),
    options,
    reports,
  )
  await playSideBySide(situations.filter(isBroken), options, reports)
  return situations.flatMap((situation) => reports.get(situation) ?? [])
}

/**
 * The most servers that are deployed side by side. Two of the situations last until the server gives a request up. The others
 * run one after the other meanwhile, because a deploy keeps the processor busy.
 */
const DEPLOYED = 3

async function playSideBySide(
  situations: readonly Situation[],
  options: PlayOptions,
  reports: Map<Situation, SituationReport>,
): Promise<void> {
  // Situations that may last until the limit start first, so that the others run in parallel to them.
  const queue = [...situations].sort((one, other) => Number(other.cuts ?? false) - Number(one.cuts ?? false))
  const lane = async (): Promise<void> => {
    const deployed = new Deployed(options.launcher, options.settings)
    try {
      for (let situation = queue.shift(); situation !== undefined; situation = queue.shift()) {
        options.onBegin(situation)
        const report = await playOne(situation, options, deployed)
        reports.set(situation, report)
        options.onEnd(report)
      }
    } finally {
      await deployed.end()
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanesOf(options), queue.length) }, lane))
}

/** How many servers run side by side. The command of `--restart-command` may know only one. */
function lanesOf({ settings: { event }, findings, jobs }: PlayOptions): number {
  if (!findings.movable || event.kind === 'restart-command') return 1
  return event.kind === 'stop' ? jobs : Math.min(jobs, DEPLOYED)
}

async function playOne(
  situation: Situation,
  options: PlayOptions,
  deployed: Deployed,
): Promise<SituationReport> {
  const { settings, findings, repeat } = options
  const reason = skipReason(situation, settings, findings)
  const runs: RunReport[] = []
  if (reason !== undefined) runs.push(skipped(reason))
  for (let run = 0; reason === undefined && run < repeat; run += 1) {
    const { event } = settings
    const playOnce =
      event.kind === 'stop' ? () => stopped(situation, options, event.signal) : () => deployed.play(situation)
    runs.push(
      await spanning(playOnce, event.kind === 'stop' && !options.launcher.startsServers ? 1 : ATTEMPTS),
    )
  }
  return summarise(situation, runs, settings)
}

/** On a busy machine, the response may arrive before the signal. The situation then runs again. */
const ATTEMPTS = 3

async function spanning(playOnce: () => Promise<RunReport>, attempts: number): Promise<RunReport> {
  for (let attempt = 1; ; attempt += 1) {
    const run = await playOnce()
    if (run.reason !== tooQuick || attempt === attempts) return run
  }
}

async function stopped(
  situation: Situation,
  { launcher, settings }: PlayOptions,
  signal: NodeJS.Signals,
): Promise<RunReport> {
  const { server, findings } =
    situation.event === 'early' ? await launcher.launchUnready() : await launcher.launch()
  try {
    return await stopOnce(situation, server, findings, settings, signal)
  } finally {
    await launcher.end(server)
  }
}

function skipReason(situation: Situation, settings: Settings, findings: Findings): string | undefined {
  const missing =
    situation.needs?.filter((name) => (name === 'h2' ? !settings.h2 : settings.routes[name] === undefined)) ??
    []
  if (missing.length > 0) return `it needs ${missing.map((name) => `--${name}`).join(' and ')}`
  return situation.skip?.(settings, findings)
}

function skipped(reason: string): RunReport {
  const none = { count: 0, p50: 0, p99: 0, max: 0 }
  return {
    verdict: 'skip',
    reason,
    counts: {},
    faults: [],
    endingInWords: '',
    latency: { before: none, around: none },
    timeline: [],
  }
}

export function summarise(
  situation: Situation,
  runs: readonly RunReport[],
  { event }: Settings,
): SituationReport {
  const { name, title, does, judges } = situation
  const verdict = runs.some((run) => run.verdict === 'fail')
    ? 'fail'
    : runs.every((run) => run.verdict === 'skip')
      ? 'skip'
      : 'pass'
  const seen = new Set<FaultKind>()
  const cured = runs.flatMap(({ faults, ending }) => {
    const died = event.kind === 'stop' && ending?.signal === event.signal
    return faults.flatMap((fault) => {
      if (seen.has(fault.kind)) return []
      seen.add(fault.kind)
      const cure = fault.early ? cures.before : cureFor(fault.kind, situation.cures, died)
      return [{ ...fault, cure }]
    })
  })
  return { name, title, does, judges, verdict, runs, cures: cured }
}
