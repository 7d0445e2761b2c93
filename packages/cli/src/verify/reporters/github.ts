import type { Report } from '../report.ts'
import { countsInWords, cureInWords, endInWords, repeated, telling } from './words.ts'

/** Workflow commands that GitHub shows beside the run: an error for each failed situation. */
export function annotations({ situations }: Report): string {
  const failed = situations.filter(({ verdict }) => verdict === 'fail')
  return failed
    .map(({ title, cures }) => {
      const message = cures.map(cureInWords).join('\n')
      return `::error title=${property(`zerodrop verify: ${title}`)}::${data(message)}\n`
    })
    .join('')
}

/** The Markdown for the file that `GITHUB_STEP_SUMMARY` names. */
export function stepSummary(report: Report): string {
  const { command, event, passed, failed, skipped } = report
  const rows = report.situations.map((situation) => {
    const run = telling(situation)
    const symbol = { pass: '✅', fail: '❌', skip: '➖' }[situation.verdict]
    const end = situation.verdict === 'skip' ? '' : endInWords(run)
    return `| ${symbol} | ${cell(situation.title)} | ${cell(countsInWords(run) + repeated(situation))} | ${cell(end)} |`
  })
  return [
    `### zerodrop verify: \`${command.replaceAll('`', "'")}\`, ${event}`,
    '',
    `${passed} passed, ${failed} failed, ${skipped} skipped`,
    '',
    '| | situation | clients saw | process |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

/** Escapes the message as @actions/core does (https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts). */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
