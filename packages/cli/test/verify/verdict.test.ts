import { cures } from '../../src/verify/cures.ts'
import type { Entry } from '../../src/verify/ledger.ts'
import { summarise } from '../../src/verify/play.ts'
import type { RunReport } from '../../src/verify/report.ts'
import { unsteadyOf } from '../../src/verify/report.ts'
import type { Settings } from '../../src/verify/settings.ts'
import { keepAliveRace } from '../../src/verify/situations/keep-alive-race.ts'
import { endingInWords, lossFaults } from '../../src/verify/verdict.ts'
import type { Fault } from '../../src/verify/verdict.ts'

const entry = (to: number, what: string = 'GET /'): Entry => ({
  client: 'client 1',
  what,
  from: to - 10,
  to,
  outcome: 'cut',
})

function runWith(verdict: RunReport['verdict'], faults: readonly Fault[] = []): RunReport {
  const none = { count: 0, p50: 0, p99: 0, max: 0 }
  const ending = { status: null, signal: 'SIGTERM' as const, after: 1 }
  const latency = { before: none, around: none }
  return { verdict, faults, ending, counts: {}, endingInWords: '', latency, timeline: [] }
}

const stop = { event: { kind: 'stop', signal: 'SIGTERM' } } as Settings
const summary = (...runs: RunReport[]) => summarise(keepAliveRace, runs, stop)

test('a loss before the event is told as such, and the event is not its cause', () => {
  const [fault] = lossFaults([entry(-5)])
  expect(fault).toEqual({
    kind: 'cut',
    saw: '1 of 1 clients received only the beginning of a response, before the event',
    early: true,
  })
  expect(summary(runWith('fail', [fault as Fault])).cures[0]?.cure).toBe(cures.before)
})

test('a loss that a client saw after the event has the cure of its kind', () => {
  const [fault] = lossFaults([entry(-5), entry(5)])
  expect(fault).not.toHaveProperty('early')
  expect(summary(runWith('fail', [fault as Fault])).cures[0]?.cure).toBe(cures.noHandler)
})

test('a WebSocket without a close frame is told as such', () => {
  expect(lossFaults([entry(5, 'WebSocket /socket')])).toEqual([
    { kind: 'cut', saw: '1 of 1 clients had their WebSocket closed without a close frame' },
  ])
})

test('a situation is unsteady if its runs differ', () => {
  const steady = summary(runWith('pass'), runWith('pass'))
  const unsteady = summary(runWith('pass'), runWith('fail'))
  expect(unsteadyOf([steady, unsteady])).toEqual([unsteady])
})

test.each([
  [{ status: 0, signal: null }, 'exit 0'],
  [{ status: 3, signal: null }, 'exit 3'],
  [{ status: null, signal: 'SIGTERM' as const }, 'SIGTERM (143)'],
  [{ status: 143, signal: null }, 'exit 143 (SIGTERM)'],
  // A container that was killed: Docker reports no signals.
  [{ status: 137, signal: null }, 'exit 137 (SIGKILL)'],
  [{ status: 255, signal: null }, 'exit 255'],
])('%j after a SIGTERM is %s', (exit, words) => {
  expect(endingInWords({ ...exit, after: 0 }, 'SIGTERM')).toBe(words)
})
