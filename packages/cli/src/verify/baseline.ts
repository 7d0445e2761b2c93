import { readFileSync } from 'node:fs'
import { Failure } from '../fail.ts'
import type { Report, SituationReport } from './report.ts'

/**
 * Reads the report to compare a run with.
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

/** Checks only the compared fields: another version of zerodrop may know other situations, but reports these the same way. */
function isSituation(value: unknown): value is SituationReport {
  const { name, cures } = (value ?? {}) as Partial<SituationReport>
  return (
    typeof name === 'string' && Array.isArray(cures) && cures.every((cure) => typeof cure?.kind === 'string')
  )
}

/** The situations with a kind of fault that they lack in the baseline. A situation that is missing there has to pass. */
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
