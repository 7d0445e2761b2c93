import type { WebSocketLike } from '../../connections/web-socket.ts'
import { shadow } from '../../system/shadow.ts'

/**
 * Lets a WebSocket outlive its socket: it has not closed, but goes on in another process. The application hears no
 * 'close' and finds it open, so that what it still sends is not refused. For good: a WebSocket comes back to no process that
 * it has left, so nothing undoes this.
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
