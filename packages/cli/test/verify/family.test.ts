import { Family } from '../../src/verify/server/family.ts'
import { describeLinux } from './support/verify.ts'

describeLinux('the family of a server', () => {
  test.each([[{ environment: 'ZERODROP_VERIFY=nothing', file: 'nothing' }], [undefined]])(
    'has no members if the first process had ended before its pid was read (mark: %j)',
    (mark) => {
      expect(new Family(0, mark).members()).toEqual([])
    },
  )
})
