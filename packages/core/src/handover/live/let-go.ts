import type { WebSocketLike } from '../../connections/web-socket.ts'
import { shadow } from '../../system/shadow.ts'

/**
 * Lets a WebSocket outlive its socket, because it continues in another process. It emits no 'close' and
 * stays open for the application, so that its calls still succeed. There is no undo, because a WebSocket
 * never returns to a process that it has left.
 */
export function letGo(webSocket: WebSocketLike): void {
  const { readyState } = webSocket
  Object.defineProperty(webSocket, 'readyState', { value: readyState, configurable: true })
  shadow(
    webSocket,
    'emit',
    (emit) =>
      function (this: unknown, event: string | symbol, ...args: unknown[]): boolean {
        return event === 'close' || event === 'error' ? false : Reflect.apply(emit, this, [event, ...args])
      } as WebSocketLike['emit'],
  )
}
