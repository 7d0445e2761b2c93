import { abandoned, notStarted } from '../../src/handover/abandoned.ts'

test.each([
  ['newer', true, 'ERR_ZERODROP_RESTART_SUPERSEDED', 'was on probation when'],
  ['newer', false, 'ERR_ZERODROP_RESTART_SUPERSEDED', 'was not ready when'],
  ['shutdown', true, 'ERR_ZERODROP_RESTART_ABORTED', 'told to stop before it took over'],
  ['shutdown', false, 'ERR_ZERODROP_RESTART_ABORTED', 'killed before it was ready'],
] as const)('given up for %s, ready: %s', (why, ready, code, text) => {
  const error = abandoned('The successor (pid 7)', why, ready)
  expect(error).toMatchObject({ code, message: expect.stringContaining(text) })
  expect(error.message).toMatch(/^The successor \(pid 7\) was /)
})

test('the error names a generation that was not started', () => {
  expect(notStarted(4).message).toBe('Generation 4 was not started: a shutdown came first.')
})
