import { Family } from '../../src/verify/server/family.ts'
import * as proc from '../../src/verify/server/proc.ts'

jest.mock('../../src/verify/server/proc.ts')

test('a process that reuses the pid of a server that verify has not started is no member of its family', () => {
  const entry = { pid: 7, parent: 1, session: 1, started: 1 }
  jest.mocked(proc.pids).mockReturnValue([7])
  jest.mocked(proc.processEntry).mockReturnValue(entry)
  const family = new Family(7)
  expect(family.members()).toEqual([entry])
  jest.mocked(proc.processEntry).mockReturnValue({ ...entry, started: 2 })
  expect(family.members()).toEqual([])
})
