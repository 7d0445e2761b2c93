import { Tail } from '../../src/handover/tail.ts'

test('keeps the last 40 lines of text that arrives in pieces', () => {
  const tail = new Tail()
  for (let line = 1; line <= 100; line++) {
    tail.add(`line ${line}`)
    tail.add('\n')
  }
  const lines = tail.text.split('\n')
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([40, 'line 61', 'line 100'])
})

test('keeps the last 8000 characters of an unterminated line', () => {
  const tail = new Tail()
  tail.add('a'.repeat(5000))
  tail.add('b'.repeat(5000))
  expect([tail.text.length, tail.text.endsWith('b'.repeat(5000))]).toEqual([8000, true])
})
