import { InheritedWait } from '../../src/handover/inherited-wait.ts'
import { FakeSystem } from '../fake-system.ts'

let system: FakeSystem
let ready: number
let readiness: InheritedWait
beforeEach(() => {
  system = new FakeSystem()
  ready = 0
  readiness = new InheritedWait(system, 60_000, () => ready++)
})

test('ready at once if no inherited socket is unclaimed', () => {
  readiness.onListening(0)
  expect([ready, system.timers]).toEqual([1, 0])
})

test('waits for the missing listeners', () => {
  readiness.onListening(2)
  readiness.onListening(1)
  expect([ready, system.timers]).toEqual([0, 1])
  readiness.onListening(0)
  expect([ready, system.timers]).toEqual([1, 0])
})

test('waits at most 10 s from the first listener', () => {
  readiness.onListening(2)
  system.advance(9000)
  readiness.onListening(1)
  expect(ready).toBe(0)
  system.advance(1000)
  expect([ready, system.timers]).toEqual([1, 0])
})

test('a shutdown ends the wait', () => {
  readiness.onListening(1)
  readiness.reset()
  system.advance(60_000)
  expect([ready, system.timers]).toEqual([0, 0])
})

test('the wait ends before the predecessor gives up on this process', () => {
  const hurried = new InheritedWait(system, 3000, () => ready++)
  hurried.onListening(1)
  system.advance(1499)
  expect(ready).toBe(0)
  system.advance(1)
  expect([ready, system.timers]).toEqual([1, 0])
})
