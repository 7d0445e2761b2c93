import { EventEmitter } from 'node:events'
import type { WebSocketLike } from '../../src/connections/web-socket.ts'
import { understands } from '../../src/connections/ws-versions.ts'

test('an object that is not a WebSocket of ws is rejected', () => {
  expect(understands({ _receiver: {} } as unknown as WebSocketLike)).toBe(false)
  expect(understands({} as WebSocketLike)).toBe(false)
  expect(understands(new EventEmitter() as WebSocketLike)).toBe(false)
})
