import { appendFileSync, writeFileSync } from 'node:fs'
import { Failure } from '../fail.ts'
import { readBaseline, worseThan } from './baseline.ts'
import { settingsOf } from './flags.ts'
import type { VerifyFlags } from './flags.ts'
import { Launcher } from './launcher.ts'
import { play } from './play.ts'
import type { Report } from './report.ts'
import { annotations, stepSummary } from './reporters/github.ts'
import { html } from './reporters/html.ts'
import { junit } from './reporters/junit.ts'
import { LiveTable, listing, summary } from './reporters/table.ts'
import { clearedVariables } from './server/started.ts'
import { situations } from './situations/table.ts'

/** Verifies a server and resolves with the exit status: 0 if nothing was lost. */
export async function verify(
  command: readonly string[],
  flags: VerifyFlags,
  version: string,
): Promise<number> {
  if (flags.list) {
    process.stdout.write(`${listing(situations, process.stdout)}\n`)
    return 0
  }
  if (process.platform !== 'linux')
    throw new Failure(
      'zerodrop verify reads /proc, which only Linux has. Run it in a container or a virtual machine.',
      { status: 2 },
    )
  const { settings, target, only, chosen, said } = settingsOf(command, flags)
  const baseline = flags.baseline === undefined ? undefined : readBaseline(flags.baseline)
  const launcher = new Launcher(target, settings, only)
  const interrupted = endWhenInterrupted(launcher)
  // With a report on standard output, people read standard error.
  const table = new LiveTable(
    flags.json ? process.stderr : process.stdout,
    chosen.map(({ title }) => title),
  )
  const from = performance.now()
  try {
    const findings = await launcher.examine()
    const { protocol, host, port } = findings.address
    const address = `${protocol}://${host}:${port}`
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
    }
    table.close()
    table.say(summary(report, flags.json ? process.stderr : process.stdout))
    deliver(report, flags)
    return statusOf(report, baseline, (line) => table.say(line))
  } finally {
    table.close()
    await launcher.endAll()
    interrupted()
  }
}

/** Ends what was started at Ctrl-C, and then the process as the signal would have. Returns a function that removes it. */
function endWhenInterrupted(launcher: Launcher): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = (signal: NodeJS.Signals): void => {
    remove()
    void launcher.endAll().then(() => process.kill(process.pid, signal))
  }
  const remove = (): void => signals.forEach((signal) => process.off(signal, onSignal))
  for (const signal of signals) process.on(signal, onSignal)
  return remove
}

/** Writes the reports that were asked for. */
function deliver(report: Report, { json, junit: junitFile, html: htmlFile, github }: VerifyFlags): void {
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  if (junitFile !== undefined) writeReport(junitFile, junit(report))
  if (htmlFile !== undefined) writeReport(htmlFile, html(report))
  if (!github) return
  // GitHub reads them from either; with --json standard output is the report alone.
  const stream = json ? process.stderr : process.stdout
  stream.write(annotations(report))
  const { GITHUB_STEP_SUMMARY: file } = process.env
  if (file !== undefined) appendFileSync(file, stepSummary(report))
}

function statusOf(report: Report, baseline: Report | undefined, say: (line: string) => void): number {
  if (report.passed + report.failed === 0)
    throw new Failure('No situation could be judged: name the routes that they need.', { status: 2 })
  if (baseline === undefined) return report.failed > 0 ? 1 : 0
  const worse = worseThan(baseline, report)
  say(
    worse.length === 0
      ? 'No worse than the baseline.'
      : `Worse than the baseline: ${worse.map(({ title }) => title).join(', ')}.`,
  )
  return worse.length > 0 ? 1 : 0
}

function writeReport(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new Failure(`${file} cannot be written: ${(error as Error).message}.`, { status: 2 })
  }
}
