import { EventPosition } from '../../../src/handover/live/event-position.ts'

describe('the position in an event stream', () => {
  const at = (...chunks: (string | Uint8Array)[]) => {
    const position = new EventPosition('before')
    for (const chunk of chunks) position.add(chunk, 'utf8')
    return [position.id, position.isBetweenEvents]
  }

  test.each([
    ['nothing', [], 'before', true],
    ['an event', ['id: 1\ndata: x\n\n'], '1', true],
    ['an event without an id', ['data: x\n\n'], 'before', true],
    ['several events', ['id: 1\ndata: x\n\nid: 2\ndata: y\n\n'], '2', true],
    ['an event and a half', ['id: 1\ndata: x\n\nid: 2\ndata: y\n'], '1', false],
    ['a line and a half', ['id: 1\ndat'], 'before', false],
    ['an event in pieces', ['i', 'd', ':', ' 1', '2\nda', 'ta: x', '\n', '\n'], '12', true],
    ['carriage returns', ['id: 1\r\ndata: x\r\n\r\n'], '1', true],
    ['carriage returns alone', ['id: 1\rdata: x\r\r'], '1', true],
    ['a line end cut in two', ['id: 1\r', '\ndata: x\r', '\n'], 'before', false],
    ['a line end cut in two by an empty chunk', ['id: 1\ndata: x\r', '', '\n'], 'before', false],
    ['a blank line cut in two', ['id: 1\r\ndata: x\r\n\r', '\n'], '1', true],
    ['a comment', [': ping\n'], 'before', true],
    ['half a comment', [': pi'], 'before', false],
    ['a comment within an event', ['id: 1\n: ping\n'], 'before', false],
    ['an id without a space', ['id:1\ndata: x\n\n'], '1', true],
    ['an id with two spaces', ['id:  1\ndata: x\n\n'], ' 1', true],
    ['an id without a value', ['id\ndata: x\n\n'], '', true],
    ['an id that is empty', ['id:\n\n'], '', true],
    ['an id alone', ['id: 7\n\n'], '7', true],
    ['an id with a NUL', ['id: 1\0\ndata: x\n\n'], 'before', true],
    ['another field that begins like it', ['idle: 1\ndata: x\n\n'], 'before', true],
    ['an id in the data', ['data: id: 9\n\n'], 'before', true],
    ['two ids in one event', ['id: 1\nid: 2\ndata: x\n\n'], '2', true],
    ['bytes', [Buffer.from('id: 3\ndata: x\n\n')], '3', true],
    ['an empty chunk', ['id: 3\ndata: x\n\n', ''], '3', true],
    ['retry', ['retry: 100\n\n'], 'before', true],
  ])('after %s', (_name, chunks, id, between) => {
    expect(at(...(chunks as string[]))).toEqual([id, between])
  })

  test('reads an id as bytes, as a header carries them', () => {
    const [id] = at('id: ünï\ndata: x\n\n')
    expect(Buffer.from(id as string, 'latin1').toString()).toBe('ünï')
    const bytes = Buffer.from('id: ü\n\n')
    expect(at(bytes.subarray(0, 5), bytes.subarray(5))).toEqual([Buffer.from('ü').toString('latin1'), true])
  })

  test('buffers little of a line that does not end', () => {
    const position = new EventPosition()
    for (let each = 0; each < 100; each++) position.add(`data: ${'x'.repeat(100_000)}`, 'utf8')
    position.add('\n\nid: 1\n\n', 'utf8')
    expect(position.id).toBe('1')
  })
})
