import type { Predecessor } from '../../src/handover/predecessor.ts'
import { whenSilent } from '../../src/handover/silence.ts'
import { FakeSystem } from '../fake-system.ts'

let system: FakeSystem
let ask: () => void
let silent: number
let release: () => void
beforeEach(() => {
  system = new FakeSystem()
  silent = 0
  const predecessor = {
    on: (_type: string, handler: () => void) => {
      ask = handler
      return () => {}
    },
  } as unknown as Predecessor
  release = whenSilent(system, predecessor, () => silent++)
})

const wait = (seconds: number): void => {
  for (let second = 0; second < seconds; second++) system.advance(1000)
}

test('a predecessor that sends no ping for nine seconds is reported silent, once', () => {
  wait(8)
  expect(silent).toBe(0)
  wait(10)
  expect([silent, system.timers]).toEqual([1, 0])
})

test('each ping restarts the timer', () => {
  wait(8)
  ask()
  wait(8)
  expect(silent).toBe(0)
  release()
  expect(system.timers).toBe(0)
})
