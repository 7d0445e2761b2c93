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

test('calls are held while the WebSocket is being moved, and made here if it stays', () => {
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

test('calls are forwarded once the WebSocket has moved, including later ones, and none is made here', () => {
  const held = new HeldCalls(webSocket)
  const forwarded: string[] = []
  webSocket.send('one')
  held.forward((call) => forwarded.push(call))
  webSocket.send('two')
  webSocket.terminate()
  expect([forwarded.length, called]).toEqual([2, []])
})

test('the callback of a forwarded call is called, with an error if the call cannot be forwarded', async () => {
  const held = new HeldCalls(webSocket)
  held.forward(() => {})
  const sent = new Promise<unknown>((resolve) => {
    ;(webSocket.send as (data: unknown, done: (error?: Error) => void) => void)('one', resolve)
  })
  expect(await sent).toBeUndefined()
})
