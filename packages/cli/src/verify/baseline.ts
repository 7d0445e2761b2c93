import { readFileSync } from 'node:fs'
import { Failure } from '../fail.ts'
import type { Report, SituationReport } from './report.ts'

/**
 * The report that a run is compared with.
 * @throws Failure if the file is not a report of `--json`
 */
export function readBaseline(file: string): Report {
  let parsed: Partial<Report> | null
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8')) as Partial<Report> | null
  } catch (error) {
    throw new Failure(`--baseline ${file} cannot be read: ${(error as Error).message}.`, { status: 2 })
  }
  if (!Array.isArray(parsed?.situations) || !parsed.situations.every(isSituation))
    throw new Failure(`--baseline ${file} is no report: write one with --json > ${file}.`, { status: 2 })
  return parsed as Report
}

/** As far as it is compared. A report of another version may know other situations, and says the same of each. */
function isSituation(value: unknown): value is SituationReport {
  const { name, cures } = (value ?? {}) as Partial<SituationReport>
  return (
    typeof name === 'string' && Array.isArray(cures) && cures.every((cure) => typeof cure?.kind === 'string')
  )
}

/** What failed here and did not in the baseline, or fails in another way. A situation that it does not have has to pass. */
export function worseThan(baseline: Report, report: Report): SituationReport[] {
  const before = new Map(baseline.situations.map((situation) => [situation.name, situation]))
  return report.situations.filter((situation) => {
    if (situation.verdict !== 'fail') return false
    const known = kindsOf(before.get(situation.name))
    return [...kindsOf(situation)].some((kind) => !known.has(kind))
  })
}

function kindsOf(situation: SituationReport | undefined): Set<string> {
  return new Set(situation?.cures?.map(({ kind }) => kind))
}
