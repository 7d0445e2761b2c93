import { realSystem } from '../../src/system/real-system.ts'

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

const longest = 2 ** 31 - 1

test.each([0, 1, 1.5, longest, longest + 1, 3 * longest + 5])(
  'a timer of %p ms fires after that time',
  (milliseconds) => {
    const fired = jest.fn()
    realSystem().setTimeout(fired, milliseconds)
    if (milliseconds > 1) jest.advanceTimersByTime(milliseconds - 1)
    expect(fired).not.toHaveBeenCalled()
    jest.advanceTimersByTime(2)
    expect(fired).toHaveBeenCalledTimes(1)
    expect(jest.getTimerCount()).toBe(0)
  },
)

test('a timer of Infinity never fires, and does not keep the process alive', () => {
  realSystem().setTimeout(() => {}, Infinity)
  expect(jest.getTimerCount()).toBe(0)
})

test('a timer made of several Node timers can be cancelled at any time', () => {
  const fired = jest.fn()
  const release = realSystem().setTimeout(fired, 2 * longest)
  jest.advanceTimersByTime(longest + 1)
  release()
  release()
  jest.advanceTimersByTime(2 * longest)
  expect([fired.mock.calls, jest.getTimerCount()]).toEqual([[], 0])
})
