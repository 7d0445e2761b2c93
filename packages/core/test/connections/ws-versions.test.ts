import { EventEmitter } from 'node:events'
import type { WebSocketLike } from '../../src/connections/web-socket.ts'
import { understands } from '../../src/connections/ws-versions.ts'

test('what is no WebSocket of ws is not understood', () => {
  expect(understands({ _receiver: {} } as unknown as WebSocketLike)).toBe(false)
  expect(understands({} as WebSocketLike)).toBe(false)
  expect(understands(new EventEmitter() as WebSocketLike)).toBe(false)
})
