import type { Socket } from 'node:net'
import type { ZerodropError } from '../../src/errors/zerodrop-error.ts'
import { MigrationPermit } from '../../src/handover/migration-permit.ts'

let warnings: ZerodropError[]
let permit: MigrationPermit
const socket = {} as Socket
beforeEach(() => {
  warnings = []
  permit = new MigrationPermit((warning) => warnings.push(warning))
})

test('accepts true and false, from an option or a function', () => {
  expect([
    permit.allows(true, socket),
    permit.allows(false, socket),
    permit.allows((asked) => asked === socket, socket),
  ]).toEqual([true, false, true])
  expect(warnings).toEqual([])
})

test.each([
  [
    'throws',
    () => {
      throw new Error('a slip')
    },
  ],
  ['returns a promise', () => Promise.reject(new Error('a slip'))],
  ['returns anything else', () => 1],
])('no connection moves if the function %s, and the failure is reported once', (_what, policy) => {
  const allowed = [1, 2].map(() => permit.allows(policy as never, socket))
  expect(allowed).toEqual([false, false])
  expect(warnings.map(({ code }) => code)).toEqual(['ERR_ZERODROP_MIGRATE_FAILED'])
})
