import { EventEmitter } from 'node:events'
import type { WebSocketLike } from '../../../src/connections/web-socket.ts'
import { HeldCalls } from '../../../src/handover/live/held-calls.ts'

let called: unknown[][]
let webSocket: WebSocketLike
beforeEach(() => {
  called = []
  const note =
    (method: string) =>
    (...args: unknown[]): void =>
      void called.push([method, ...args])
  webSocket = Object.assign(new EventEmitter(), {
    readyState: 1,
    bufferedAmount: 0,
    protocol: '',
    ...Object.fromEntries(['send', 'ping', 'pong', 'close', 'terminate'].map((name) => [name, note(name)])),
  }) as unknown as WebSocketLike
})

test('calls are held while the WebSocket is on its way, and repeated here when it stays', () => {
  const held = new HeldCalls(webSocket)
  webSocket.send('one')
  webSocket.close(1000, 'bye')
  expect(called).toEqual([])
  held.repeat()
  webSocket.send('two')
  expect(called).toEqual([
    ['send', 'one'],
    ['close', 1000, 'bye'],
    ['send', 'two'],
  ])
})

test('calls are forwarded when it has moved, those to come as well, and none of them is made here', () => {
  const held = new HeldCalls(webSocket)
  const forwarded: string[] = []
  webSocket.send('one')
  held.forward((call) => forwarded.push(call))
  webSocket.send('two')
  webSocket.terminate()
  expect([forwarded.length, called]).toEqual([2, []])
})

test('the callback of a forwarded call is called, with an error where the call cannot travel', async () => {
  const held = new HeldCalls(webSocket)
  held.forward(() => {})
  const sent = new Promise<unknown>((resolve) => {
    ;(webSocket.send as (data: unknown, done: (error?: Error) => void) => void)('one', resolve)
  })
  expect(await sent).toBeUndefined()
})
