import type { IncomingMessage } from 'node:http'
import { DrainingSignals } from '../../src/drain/draining-signals.ts'
import { Clock, createParts } from '../../src/drain/parts.ts'
import { Attempts } from '../../src/errors/attempts.ts'
import type { CutConnection } from '../../src/events/drain-report.ts'
import { FakeSystem } from '../fake-system.ts'
import { options, serve } from './drained-server.ts'

test('the clock starts a request with the drain, or on its arrival if that is later', () => {
  const system = new FakeSystem()
  const clock = new Clock(system)
  const [early, late] = [{}, {}] as [IncomingMessage, IncomingMessage]
  system.advance(1000)
  clock.start()
  system.advance(300)
  clock.begin(late)
  system.advance(50)
  const { now, began } = clock.times
  expect([now, began(early), began(late)]).toEqual([1350, 1000, 1300])
})

test('the parts of a drain share one tally, which reports cut requests', () => {
  const { drain, system, end } = serve()
  const cut: [CutConnection, boolean][] = []
  const onCut = (connection: CutConnection, forced: boolean) => cut.push([connection, forced])
  const parts = createParts(system, drain.connections, new DrainingSignals(), { ...options, onCut })
  parts.tally.addCut({ state: 'handling' }, true)
  expect(cut).toEqual([[{ state: 'handling' }, true]])
  expect(parts.attempts.run('a step', () => 1)).toBe(1)
  end()
})

test('the parts report an error thrown by a step if there is a reporter', () => {
  const { drain, system, end } = serve()
  const attempts = new Attempts(() => {})
  const given = { ...options, onCut: () => {}, attempts }
  expect(createParts(system, drain.connections, new DrainingSignals(), given).attempts).toBe(attempts)
  end()
})
