import { PassThrough } from 'node:stream'
import { WrittenFrames } from '../../src/connections/written-frames.ts'

const head = 'HTTP/1.1 101 Switching Protocols\r\n\r\n'
const text = Buffer.from([0x81, 5, ...Buffer.from('hello')])

test('follows every write, in whatever form', () => {
  const stream = new PassThrough()
  const frames = new WrittenFrames(stream, () => true)
  expect(frames.position).toBe('unanswered')
  stream.write(head.slice(0, 10))
  expect(frames.position).toBe('within')
  stream.write(Buffer.from(head.slice(10)).toString('hex'), 'hex')
  expect(frames.position).toBe('between')
  stream.write(text.toString('latin1'), 'latin1')
  stream.write(new Uint8Array(text.subarray(0, 3)))
  expect(frames.position).toBe('within')
  stream.write(text.subarray(3))
  expect(frames.position).toBe('between')
  stream.write(Buffer.from([0x88, 0]))
  expect(frames.position).toBe('closed')
})

test('calls back once, when a frame is complete', () => {
  const stream = new PassThrough()
  const frames = new WrittenFrames(stream, () => true)
  stream.write(head)
  stream.write(text.subarray(0, 4))
  const calls: number[] = []
  frames.onBetween(() => calls.push(stream.readableLength))
  stream.write(text.subarray(4, 6))
  expect(calls).toEqual([])
  stream.write(text.subarray(6))
  stream.write(text)
  expect(calls).toEqual([head.length + text.length])
})

test('notices bytes that were written behind its back', () => {
  const stream = Object.assign(new PassThrough(), { bytesWritten: 100 })
  const frames = new WrittenFrames(stream, () => true)
  stream.write(head)
  stream.bytesWritten += head.length
  expect(frames.position).toBe('between')
  stream.bytesWritten += 1
  expect(frames.position).toBe('unknown')
})

test('leaves the stream alone if the implementation closes it', async () => {
  const stream = new PassThrough()
  let isNeeded = true
  const frames = new WrittenFrames(stream, () => isNeeded)
  expect(stream.write === PassThrough.prototype.write).toBe(false)
  stream.write(head)
  isNeeded = false
  await Promise.resolve()
  expect(stream.write === PassThrough.prototype.write).toBe(true)
  expect(frames.position).toBe('between')
})
