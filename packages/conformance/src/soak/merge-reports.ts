import { type TallyReport, totalOf } from '@zerodrop/traffic'

/** One report of tallies that each had kinds of their own. */
export function mergeReports<Kind extends string>(reports: readonly TallyReport<Kind>[]): TallyReport<Kind> {
  const byKind = Object.assign({}, ...reports.map((each) => each.byKind)) as TallyReport<Kind>['byKind']
  return {
    ...totalOf(Object.values(byKind)),
    byKind,
    losses: reports.flatMap(({ losses }) => losses).sort((a, b) => a.at - b.at),
    versions: [...new Set(reports.flatMap(({ versions }) => versions))],
    pids: [...new Set(reports.flatMap(({ pids }) => pids))],
  }
}
