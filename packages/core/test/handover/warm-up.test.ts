import { WarmUp } from '../../src/handover/warm-up.ts'
import { FakeSystem } from '../fake-system.ts'

test('the number of connections that may follow doubles every 20 ms, for 250 ms', () => {
  const system = new FakeSystem()
  const warmUp = new WarmUp(system)
  system.advance(1000)
  warmUp.begin()
  const allowances: number[] = []
  for (const step of [0, 20, 20, 200, 10]) {
    system.advance(step)
    allowances.push(warmUp.allowance)
  }
  expect(allowances).toEqual([1, 2, 4, 4096, Infinity])
})

test('a pause ends on time, or with the drain', async () => {
  const system = new FakeSystem()
  const warmUp = new WarmUp(system)
  const first = warmUp.pause()
  system.advance(20)
  await first
  const second = warmUp.pause()
  warmUp.end()
  await second
  expect(system.timers).toBe(0)
})
