import { FrameReader } from '../../src/connections/frame-reader.ts'

const head = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n')

/** A server frame: unmasked, unless the test asks for a mask. */
function frame(opcode: number, length: number, { fin = true, rsv = 0, mask = false } = {}): Buffer {
  const first = (fin ? 0x80 : 0) | rsv | opcode
  const masked = mask ? 0x80 : 0
  const size = length < 126 ? length : length < 2 ** 16 ? 126 : 127
  const extended = Buffer.alloc(size === 127 ? 8 : size === 126 ? 2 : 0)
  if (size === 126) extended.writeUInt16BE(length)
  if (size === 127) extended.writeBigUInt64BE(BigInt(length))
  // A payload that looks like close frames.
  return Buffer.concat([
    Buffer.from([first, masked | size]),
    extended,
    Buffer.alloc(mask ? 4 : 0),
    Buffer.alloc(length, Buffer.from([0x88, 0x00])),
  ])
}

const pieces = [
  head,
  frame(1, 0),
  frame(1, 125),
  frame(2, 126),
  frame(2, 65_535, { rsv: 0x40 }),
  frame(2, 70_000),
  // A message in three fragments, with a ping between two of them.
  frame(1, 10, { fin: false }),
  frame(9, 4),
  frame(0, 300, { fin: false }),
  frame(0, 5),
  frame(2, 200, { mask: true }),
]

test('the reader is between frames exactly where a frame ends, however the bytes are split', () => {
  const all = Buffer.concat(pieces)
  let end = 0
  const ends = new Set(pieces.map(({ length }) => (end += length)))
  let seed = 7
  const random = (most: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return 1 + (seed % most)
  }
  for (const most of [1, 3, 17, 1000, 100_000]) {
    const reader = new FrameReader()
    for (let at = 0; at < all.length; ) {
      const next = Math.min(all.length, at + random(most))
      reader.read(all.subarray(at, next))
      at = next
      expect([at, reader.isBetweenFrames]).toEqual([at, ends.has(at)])
    }
    expect(reader).toMatchObject({ answered: true, lost: false, closed: false })
  }
})

test('the reader recognises a close frame', () => {
  const reader = new FrameReader()
  reader.read(Buffer.concat([head, frame(8, 2)]))
  expect(reader).toMatchObject({ closed: true, isBetweenFrames: true })
})

test('the reader skips a payload longer than any buffer', () => {
  const reader = new FrameReader()
  reader.read(Buffer.concat([head, Buffer.from([0x82, 127, 0, 0, 0x10, 0, 0, 0, 0, 0])]))
  expect(reader).toMatchObject({ lost: false, isBetweenFrames: false })
})

test.each([
  ['an answer that refuses', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['a head without an end', Buffer.alloc(70_000, 'x')],
  ['a reserved opcode', Buffer.concat([head, Buffer.from([0x83, 0])])],
  ['a reserved control opcode', Buffer.concat([head, Buffer.from([0x8b, 0])])],
  ['a control frame in fragments', Buffer.concat([head, Buffer.from([0x09, 0])])],
  ['a long control frame', Buffer.concat([head, Buffer.from([0x89, 126, 0, 200])])],
  ['an impossible length', Buffer.concat([head, Buffer.from([0x82, 127, 255, 0, 0, 0, 0, 0, 0, 0])])],
])('the reader loses its position for good after %s', (_what, bytes) => {
  const reader = new FrameReader()
  reader.read(bytes)
  reader.read(frame(1, 5))
  expect(reader).toMatchObject({ lost: true, isBetweenFrames: false })
})
