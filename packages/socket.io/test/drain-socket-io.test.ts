import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { drainSocketIo } from '../src/index.ts'

test('a server of socket.io that is not attached yet is refused, and says where the call belongs', () => {
  expect(() => drainSocketIo(new Server())).toThrow(
    expect.objectContaining({
      code: 'ERR_ZERODROP_OPTION_INVALID',
      message: expect.stringContaining('call it behind `new Server(httpServer)`'),
    }),
  )
})

test('a server of socket.io may be given twice', () => {
  const io = new Server(createServer())
  drainSocketIo(io)
  drainSocketIo(io)
  expect(io.engine['middlewares']).toHaveLength(1)
})
