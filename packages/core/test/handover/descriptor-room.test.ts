import { checkRoom, reserve } from '../../src/handover/descriptor-room.ts'
import { FakeSystem } from '../fake-system.ts'

test('requires a descriptor for each socket, and a reserve', () => {
  const system = new FakeSystem()
  expect(() => checkRoom(system, 3)).not.toThrow()
  system.descriptors = { free: 3 + reserve, limit: 120 }
  expect(() => checkRoom(system, 3)).not.toThrow()
  expect(() => checkRoom(system, 4)).toThrow(expect.objectContaining({ code: 'ERR_ZERODROP_SPAWN_FAILED' }))
})
