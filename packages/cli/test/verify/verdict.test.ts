import { endingInWords } from '../../src/verify/verdict.ts'

test.each([
  [{ status: 0, signal: null }, 'exit 0'],
  [{ status: 3, signal: null }, 'exit 3'],
  [{ status: null, signal: 'SIGTERM' as const }, 'SIGTERM (143)'],
  [{ status: 143, signal: null }, 'exit 143 (SIGTERM)'],
  // A container that was killed: Docker reports no signals.
  [{ status: 137, signal: null }, 'exit 137 (SIGKILL)'],
  [{ status: 255, signal: null }, 'exit 255'],
])('%j after a SIGTERM is %s', (exit, words) => {
  expect(endingInWords({ ...exit, after: 0 }, 'SIGTERM')).toBe(words)
})
