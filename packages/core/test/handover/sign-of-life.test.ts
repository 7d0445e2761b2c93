import { message } from '../../src/handover/protocol.ts'
import { SignOfLife } from '../../src/handover/sign-of-life.ts'
import { spawnSuccessor } from '../../src/handover/successor-start.ts'
import { protocolVersion } from '../../src/system/boot.ts'
import { FakeSystem } from '../fake-system.ts'
import { turn } from '../turns.ts'

async function start() {
  const system = new FakeSystem()
  const inheritance = { version: protocolVersion, generation: 2, pid: 1, listeners: [] } as const
  const successor = await spawnSuccessor(system, inheritance, {})
  const life = new SignOfLife(system, successor)
  const lost = jest.fn()
  void life.lost.then(lost)
  const { child } = system
  const answer = () => child.says(message({ type: 'alive', id: (child.sent.at(-1) as { id: number }).id }))
  return { system, child, life, lost, answer, turn }
}

test('a successor that answers is pinged once a second, and never counts as lost', async () => {
  const { system, child, life, lost, answer, turn } = await start()
  for (let second = 0; second < 100; second++) {
    answer()
    system.advance(1000)
  }
  await turn()
  expect([child.sent.length, lost.mock.calls.length]).toEqual([101, 0])
  life.dispose()
  expect(system.timers).toBe(0)
})

test('a successor that blocks for 8 s is only slow, however often it happens', async () => {
  const { system, lost, answer, turn } = await start()
  for (let times = 0; times < 3; times++) {
    system.advance(8000)
    answer()
  }
  await turn()
  expect(lost).not.toHaveBeenCalled()
})

test('a silent successor is reported lost once, and no timer is left behind', async () => {
  const { system, child, lost, turn } = await start()
  system.advance(8999)
  await turn()
  expect(lost).not.toHaveBeenCalled()
  system.advance(1)
  await turn()
  expect([lost.mock.calls.length, system.timers, child.listenerCount('message')]).toEqual([1, 0, 1])
})

test('a process that was itself blocked has pinged once, and keeps waiting', async () => {
  const { system, lost, turn } = await start()
  // Its timers fire once afterwards, and are then set again.
  const held = system.setTimeout.bind(system)
  const late: (() => void)[] = []
  system.setTimeout = (callback) => {
    late.push(callback)
    return () => {}
  }
  system.advance(60_000)
  await turn()
  expect([late.length, lost.mock.calls.length]).toEqual([1, 0])
  system.setTimeout = held
})

test('any message is a sign of life, but only an answer to a later ping confirms it', async () => {
  const { system, child, life, lost, turn } = await start()
  const confirmed = jest.fn()
  void life.confirmed().then(confirmed)
  for (let second = 0; second < 20; second++) {
    child.says(message({ type: 'taken', ids: [1] }))
    child.says(message({ type: 'alive', id: 1 }))
    system.advance(1000)
  }
  await turn()
  expect([lost.mock.calls.length, confirmed.mock.calls.length]).toEqual([0, 0])
  child.says(message({ type: 'alive', id: 2 }))
  await turn()
  expect(confirmed).toHaveBeenCalledTimes(1)
  life.dispose()
})

test('a dead successor is not pinged forever', async () => {
  const { system, child, life, turn } = await start()
  child.exits(1)
  life.dispose()
  system.advance(60_000)
  await turn()
  expect(system.timers).toBe(0)
})
