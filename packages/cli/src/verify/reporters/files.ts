import { accessSync, appendFileSync, constants, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Failure } from '../../fail.ts'
import type { VerifyFlags } from '../flags.ts'
import type { Report } from '../report.ts'
import { annotations, stepSummary } from './github.ts'
import { html } from './html.ts'
import { junit } from './junit.ts'

type FileFlags = Pick<VerifyFlags, 'json' | 'junit' | 'html' | 'github'>

/**
 * Checks that the report files are writable. Call it before a server starts, because a run without its report is wasted.
 * @throws Failure if a file cannot be written
 */
export function checkReportFiles(flags: FileFlags): void {
  for (const [name, file] of filesOf(flags)) {
    try {
      const there = statSync(file, { throwIfNoEntry: false })
      if (there?.isDirectory()) throw new Error('it is a folder')
      accessSync(there === undefined ? path.dirname(path.resolve(file)) : file, constants.W_OK)
    } catch (error) {
      throw unwritable(name, file, error as Error)
    }
  }
}

/** Writes the reports that the options name. */
export function deliverReport(report: Report, flags: FileFlags): void {
  if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  // GitHub reads annotations from both streams; with --json, standard output carries only the report.
  if (flags.github) (flags.json ? process.stderr : process.stdout).write(annotations(report))
  for (const [name, file, write] of filesOf(flags)) {
    try {
      write(report)
    } catch (error) {
      throw unwritable(name, file, error as Error)
    }
  }
}

type ReportFile = readonly [name: string, file: string, write: (report: Report) => void]

function filesOf(flags: FileFlags): ReportFile[] {
  const files: ReportFile[] = []
  const { junit: junitFile, html: htmlFile } = flags
  if (junitFile !== undefined)
    files.push(['--junit', junitFile, (report) => writeFileSync(junitFile, junit(report))])
  if (htmlFile !== undefined)
    files.push(['--html', htmlFile, (report) => writeFileSync(htmlFile, html(report))])
  const { GITHUB_STEP_SUMMARY: summary } = process.env
  if (flags.github && summary)
    files.push(['GITHUB_STEP_SUMMARY', summary, (report) => appendFileSync(summary, stepSummary(report))])
  return files
}

function unwritable(name: string, file: string, { message }: Error): Failure {
  return new Failure(`${name} ${file} cannot be written: ${message}.`, { status: 2 })
}
