import { getJunitXml } from 'junit-xml'
import type { Report, SituationReport } from '../report.ts'
import { cureInWords, countsInWords, telling } from './words.ts'

/** A test suite with a test case for each situation. */
export function junit(report: Report): string {
  const name = `zerodrop verify: ${report.command}, ${report.event}`
  return getJunitXml({
    name,
    time: report.took / 1000,
    suites: [
      {
        name,
        timestamp: new Date(report.date),
        time: report.took / 1000,
        testCases: report.situations.map(testCase),
      },
    ],
  })
}

function testCase(
  situation: SituationReport,
): Parameters<typeof getJunitXml>[0]['suites'][0]['testCases'][0] {
  const { title, verdict, cures, runs } = situation
  const longest = Math.max(0, ...runs.flatMap(({ timeline }) => timeline.map(({ to }) => to)))
  return {
    name: title,
    classname: 'zerodrop.verify',
    time: longest / 1000,
    ...(verdict === 'skip' && { skipped: true }),
    ...(verdict === 'fail' && {
      failures: cures.map((each) => ({ type: each.kind, message: cureInWords(each) })),
    }),
    systemOut: [countsInWords(telling(situation)), ...runs.flatMap(({ remark }) => remark ?? [])],
  }
}
