import type { DemoOptions } from './arguments.ts'
import type { Outcome } from './run.ts'

/** What the demo promises and this run did not show, in words; none if all went well. */
export function unmetExpectations({ restarts }: DemoOptions, outcome: Outcome): string[] {
  const { report, stale, problem } = outcome
  const { clients, opened, kept, closed, reset } = report.connections
  const versions = Array.from({ length: restarts + 1 }, (_, index) => String(index + 1))
  const unmet = [
    problem !== undefined && `the run was not completed: ${problem.message}`,
    report.lost > 0 && `lost ${report.lost} of ${report.requests} requests, such as: ${samples(outcome)}`,
    report.refused > 0 && `refused ${report.refused} connections`,
    (kept !== clients || opened !== clients) &&
      `kept ${kept} of ${clients} connections; the server closed ${closed} and reset ${reset} between two requests`,
    report.versions.join() !== versions.join() &&
      `versions seen were ${report.versions.join(' ')}, not ${versions.join(' ')}`,
    stale > 0 && `${stale} answers came from a version whose successor had taken over`,
  ]
  return unmet.filter((each) => each !== false)
}

function samples({ report }: Outcome): string {
  const { losses } = report
  return losses
    .slice(0, 3)
    .map(({ kind, reason, mark, sinceMark }) =>
      mark === undefined ? `${kind} (${reason})` : `${kind} (${reason}), ${sinceMark} ms after ${mark}`,
    )
    .join('; ')
}
