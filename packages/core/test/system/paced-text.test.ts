import { PacedText } from '../../src/system/paced-text.ts'

let now: number
let sent: string[]
let text: PacedText

beforeEach(() => {
  jest.useFakeTimers()
  now = 0
  sent = []
  text = new PacedText(
    (piece) => void sent.push(piece),
    () => now,
  )
})

afterEach(() => {
  jest.useRealTimers()
})

const line = (number: number): string => `${`line ${number} `.padEnd(99, '.')}\n`
const print = (from: number, to: number): void => {
  for (let number = from; number <= to; number++) text.add(line(number))
}

test('sends a few lines at once', () => {
  print(1, 3)
  expect(sent).toEqual([line(1), line(2), line(3)])
})

test('sends no more than fits into the buffer, and the end of the rest when the window is over', () => {
  print(1, 10_000)
  expect(sent.join('').length).toBeLessThan(40_000)
  const atOnce = sent.length
  jest.advanceTimersByTime(100)
  expect(sent).toHaveLength(atOnce + 1)
  expect(sent.at(-1)).toHaveLength(8000)
  expect(sent.at(-1)?.endsWith(line(10_000))).toBe(true)
  jest.advanceTimersByTime(1000)
  expect(sent).toHaveLength(atOnce + 1)
})

test('begins a window while the process only prints', () => {
  print(1, 1000)
  const atOnce = sent.length
  now = 100
  text.add(line(1001))
  expect(sent.slice(atOnce)).toEqual([expect.stringMatching(/line 1000 \.+\n$/), line(1001)])
})

test('sends the rest when the process exits, once', () => {
  print(1, 1000)
  text.flush()
  expect(sent.at(-1)?.endsWith(line(1000))).toBe(true)
  const all = sent.length
  text.flush()
  jest.advanceTimersByTime(1000)
  expect(sent).toHaveLength(all)
  expect(jest.getTimerCount()).toBe(0)
})

test('keeps the end of one long text', () => {
  text.add(`${'a'.repeat(100_000)}the end`)
  expect(sent).toEqual([])
  text.flush()
  expect(sent).toEqual([expect.stringMatching(/^a{7993}the end$/)])
})
