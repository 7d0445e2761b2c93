import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { moveSocketIo } from '../src/index.ts'

test.each([
  [
    'that is not attached yet',
    () => new Server({ connectionStateRecovery: {} }),
    'attached to an HTTP server',
  ],
  ['without connectionStateRecovery', () => new Server(createServer()), 'connectionStateRecovery'],
])('a server of socket.io %s is refused', (_, make, message) => {
  expect(() => moveSocketIo(make())).toThrow(
    expect.objectContaining({
      code: 'ERR_ZERODROP_OPTION_INVALID',
      message: expect.stringContaining(message),
    }),
  )
})

test('a server of socket.io may be given twice', () => {
  const io = new Server(createServer(), { connectionStateRecovery: {} })
  moveSocketIo(io)
  const listeners = io.engine.listenerCount('connection')
  moveSocketIo(io)
  expect(io.engine.listenerCount('connection')).toBe(listeners)
})
