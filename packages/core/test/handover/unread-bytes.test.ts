import { UnreadBytes } from '../../src/handover/unread-bytes.ts'

const sent = (characters: number) => ({ type: 'parent', rest: 'x'.repeat(characters) }) as const

test('more than 16 KiB between two handles is too much until the receiver has read it', () => {
  const unread = new UnreadBytes()
  unread.add(sent(15_000))
  expect(unread.areTooMany).toBe(false)
  const position = unread.sent
  unread.add(sent(2000))
  expect(unread.areTooMany).toBe(true)
  unread.readUpTo(position)
  expect(unread.areTooMany).toBe(false)
})

test('bytes that were read do not count again', () => {
  const unread = new UnreadBytes()
  unread.add(sent(20_000))
  unread.readUpTo(unread.sent)
  unread.readUpTo(0)
  expect(unread.areTooMany).toBe(false)
})
