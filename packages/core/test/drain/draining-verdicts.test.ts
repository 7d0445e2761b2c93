import { DrainingVerdicts } from '../../src/drain/draining-verdicts.ts'
import type { DrainingPolicy } from '../../src/drain/refusal.ts'
import type { ZerodropError } from '../../src/errors/zerodrop-error.ts'

let warnings: ZerodropError[]
let verdicts: DrainingVerdicts
beforeEach(() => {
  warnings = []
  verdicts = new DrainingVerdicts((warning) => warnings.push(warning))
})

test('a function is called for each request, and a plain value is used as it is', () => {
  const policy: DrainingPolicy<number> = (request) => (request > 1 ? 'refuse' : 'serve')
  expect([verdicts.of(policy, 1), verdicts.of(policy, 2), verdicts.of('refuse', 1)]).toEqual([
    'serve',
    'refuse',
    'refuse',
  ])
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
  ['returns anything else', () => 'no'],
])('a request is served if the function %s, and the failure is reported once', (_what, policy) => {
  const asked = [1, 2].map((request) => verdicts.of(policy as DrainingPolicy<number>, request))
  expect(asked).toEqual(['serve', 'serve'])
  expect(warnings.map(({ code }) => code)).toEqual(['ERR_ZERODROP_DRAINING_POLICY_FAILED'])
})
