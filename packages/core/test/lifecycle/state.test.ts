import { type State, step } from '../../src/lifecycle/state.ts'

// Repeated here from the documentation of `State`.
const next: Record<State, readonly State[]> = {
  starting: ['serving', 'draining'],
  serving: ['restarting', 'draining', 'starting'],
  restarting: ['serving', 'handing-over', 'draining'],
  'handing-over': ['closed', 'serving'],
  draining: ['closed'],
  closed: [],
}
const states = Object.keys(next) as State[]
const steps = states.flatMap((from) => states.map((to) => ({ from, to, legal: next[from].includes(to) })))

test.each(steps.filter(({ legal }) => legal))('$from -> $to', ({ from, to }) => {
  expect(step(from, to)).toBe(to)
})

test.each(steps.filter(({ legal }) => !legal))('$from -> $to is illegal', ({ from, to }) => {
  expect(() => step(from, to)).toThrow(
    expect.objectContaining({
      code: 'ERR_ZERODROP_ILLEGAL_STEP',
      message: expect.stringContaining(`cannot go from "${from}" to "${to}"`),
    }),
  )
})
