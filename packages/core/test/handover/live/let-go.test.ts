import { EventEmitter } from 'node:events'
import type { WebSocketLike } from '../../../src/connections/web-socket.ts'
import { letGo } from '../../../src/handover/live/let-go.ts'

test('a moved WebSocket stays open for its application, which gets neither "close" nor "error"', () => {
  const heard: string[] = []
  let state = 1
  const webSocket = new EventEmitter()
  Object.defineProperty(webSocket, 'readyState', { get: () => state, configurable: true })
  for (const event of ['close', 'error', 'message']) webSocket.on(event, () => heard.push(event))
  letGo(webSocket as unknown as WebSocketLike)
  state = 3
  for (const event of ['error', 'close', 'message']) webSocket.emit(event, new Error('gone'))
  expect([heard, (webSocket as unknown as WebSocketLike).readyState]).toEqual([['message'], 1])
})
