import { Tally } from '../../src/drain/tally.ts'
import type { CutConnection } from '../../src/events/drain-report.ts'

test('requests count as finished or served by whether they were in flight when the drain began', () => {
  const tally = new Tally(() => {})
  tally.open('finished')
  tally.open('served')
  tally.open('served')
  expect([tally.begun, tally.arrived]).toEqual([1, 2])
})

test('cut requests are recorded and reported, with whether a signal forced the cut', () => {
  const told: [CutConnection, boolean][] = []
  const tally = new Tally((connection, forced) => told.push([connection, forced]))
  tally.addCut({ state: 'handling' })
  tally.addCut({ state: 'upgraded' }, true)
  expect(tally.cut).toEqual([{ state: 'handling' }, { state: 'upgraded' }])
  expect(told).toEqual([
    [{ state: 'handling' }, false],
    [{ state: 'upgraded' }, true],
  ])
})
