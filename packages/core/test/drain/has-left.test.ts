import type { Socket } from 'node:net'
import { hasLeft } from '../../src/drain/has-left.ts'

const closed = (errored?: Partial<NodeJS.ErrnoException>): Socket => ({ errored: errored ?? null }) as Socket

test('a client that sends its FIN first has left', () => {
  expect(hasLeft(closed(), true)).toBe(true)
})

test('a connection closed by this process does not count as left by the client', () => {
  expect(hasLeft(closed(), false)).toBe(false)
})

test.each([
  ['a reset that a read meets', { code: 'ECONNRESET', syscall: 'read' }],
  ['a reset that a write meets', { code: 'EPIPE', syscall: 'write' }],
  ['bytes that are no HTTP', { code: 'HPE_INVALID_METHOD' }],
  ['bytes that are no TLS', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }],
])('%s means that the client has left', (_what, errored) => {
  expect(hasLeft(closed(errored), false)).toBe(true)
})

test.each([
  ['a write that was cancelled by destroying the socket', { code: 'ECANCELED', syscall: 'write' }],
  ['an error that the application destroyed it with', { code: 'ERR_OF_ITS_OWN' }],
])('%s does not mean that the client has left', (_what, errored) => {
  expect(hasLeft(closed(errored), false)).toBe(false)
})
