import { Failure } from '../fail.ts'
import { readBaseline, worseThan } from './baseline.ts'
import { settingsOf } from './flags.ts'
import type { VerifyFlags } from './flags.ts'
import { closing, endWhenInterrupted, flushed } from './interruption.ts'
import { Launcher } from './launcher.ts'
import { play } from './play.ts'
import { unsteadyOf } from './report.ts'
import type { Report } from './report.ts'
import { checkReportFiles, deliverReport } from './reporters/files.ts'
import { LiveTable, listing, summary } from './reporters/table.ts'
import { originOf } from './server/running.ts'
import { clearedVariables } from './server/started.ts'
import { situations } from './situations/table.ts'

/** Verifies a server and resolves with the exit status: 0 if no situation failed, or none is worse than in the baseline. */
export async function verify(
  command: readonly string[],
  flags: VerifyFlags,
  version: string,
): Promise<number> {
  if (flags.list) {
    // With `--list | head`, the reader exits early.
    process.stdout.on('error', () => {})
    process.stdout.write(`${listing(situations, process.stdout)}\n`)
    return 0
  }
  if (process.platform !== 'linux')
    throw new Failure(
      'zerodrop verify reads /proc, which only Linux has. Run it in a container or a virtual machine.',
      { status: 2 },
    )
  const plan = settingsOf(command, flags)
  const { target, only } = plan
  const baseline = flags.baseline === undefined ? undefined : readBaseline(flags.baseline)
  checkReportFiles(flags)
  const launcher = new Launcher(target, plan.settings, only)
  const release = endWhenInterrupted(launcher)
  // With --json, the report goes to standard output, and stderr may have no reader.
  process.stderr.on('error', () => {})
  // With the report on standard output, the table goes to stderr.
  const table = new LiveTable(
    flags.json ? process.stderr : process.stdout,
    plan.chosen.map(({ title }) => title),
  )
  const imageSignal = async (name: string): Promise<string | undefined> =>
    (await launcher.image(name, (line) => table.say(line))).stopSignal
  const judge = async (): Promise<number> => {
    const from = performance.now()
    const stopSignal = target.kind === 'docker' ? await imageSignal(target.image) : undefined
    const { settings, chosen, said } = settingsOf(command, flags, stopSignal)
    const findings = await launcher.examine()
    const address = originOf(findings.address)
    table.say(`${said.command}: ${said.event}, found at ${address}`)
    const cleared = clearedVariables.filter((name) => process.env[name] !== undefined)
    const remarks = [...findings.remarks]
    if (cleared.length > 0 && target.kind === 'command')
      remarks.push(
        `The server runs without ${cleared.join(' and ')}: some frameworks leave out their shutdown where it is set.`,
      )
    for (const remark of remarks) table.say(remark)
    table.say('')
    const reports = await play({
      situations: chosen,
      launcher,
      findings,
      settings,
      repeat: flags.repeat,
      jobs: flags.jobs,
      onBegin: (situation) => table.begin(situation),
      onEnd: (report) => table.end(report),
    })
    const count = (verdict: string): number => reports.filter((each) => each.verdict === verdict).length
    const report: Report = {
      tool: `zerodrop ${version}`,
      command: said.command,
      event: said.event,
      address,
      date: new Date().toISOString(),
      node: process.version,
      remarks,
      situations: reports,
      took: Math.round(performance.now() - from),
      passed: count('pass'),
      failed: count('fail'),
      skipped: count('skip'),
      unsteady: unsteadyOf(reports).map(({ name }) => name),
    }
    table.close()
    table.say(summary(report, flags.json ? process.stderr : process.stdout))
    deliverReport(report, flags)
    const status = statusOf(report, baseline, (line) => table.say(line))
    await flushed(process.stdout)
    return status
  }
  try {
    return await Promise.race([judge(), closing(process.stdout)])
  } finally {
    table.close()
    await launcher.endAll()
    await release()
  }
}

function statusOf(report: Report, baseline: Report | undefined, say: (line: string) => void): number {
  if (report.passed + report.failed === 0)
    throw new Failure(`No situation could be judged: ${reasonsOf(report).join('; ')}.`, { status: 2 })
  if (baseline === undefined) return report.failed > 0 ? 1 : 0
  const worse = worseThan(baseline, report)
  say(
    worse.length === 0
      ? 'No worse than the baseline.'
      : `Worse than the baseline: ${worse.map(({ title }) => title).join(', ')}.`,
  )
  return worse.length > 0 ? 1 : 0
}

function reasonsOf({ situations: skipped }: Report): string[] {
  return [...new Set(skipped.flatMap(({ runs }) => runs.flatMap(({ reason }) => reason ?? [])))]
}
