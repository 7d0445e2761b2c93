import type { WebSocketLike } from '../../connections/web-socket.ts'
import { shadow } from '../../system/shadow.ts'
import type { Release } from '../../system/system.ts'
import { encodeCall } from './saved-state.ts'

const methods = ['send', 'ping', 'pong', 'close', 'terminate'] as const

/** Holds the application's calls on a WebSocket that is on its way or has moved. */
export class HeldCalls {
  readonly #webSocket: WebSocketLike
  readonly #calls: { method: (typeof methods)[number]; args: unknown[] }[] = []
  readonly #releases: Release[]
  #forward: ((call: string) => void) | undefined

  constructor(webSocket: WebSocketLike) {
    this.#webSocket = webSocket
    const hold =
      (method: (typeof methods)[number]) =>
      (...args: unknown[]): void => {
        this.#calls.push({ method, args })
        if (this.#forward !== undefined) this.forward(this.#forward)
      }
    this.#releases = methods.map((method) => shadow(webSocket, method, () => hold(method) as never))
  }

  /** The successor has the connection and makes the calls. */
  forward(forward: (call: string) => void): void {
    this.#forward = forward
    for (const { method, args } of this.#calls.splice(0)) {
      // A heartbeat calls this when it sees no pong, but the client's pongs go to the successor now.
      if (method === 'terminate') continue
      const call = encodeCall(method, args)
      if (call !== undefined) forward(call)
      const callback = args.find((arg) => typeof arg === 'function') as ((error?: Error) => void) | undefined
      if (callback === undefined) continue
      const error =
        call === undefined ? new Error('The WebSocket has moved, and this cannot be sent to it.') : undefined
      queueMicrotask(() => callback(error))
    }
  }

  repeat(): void {
    for (const release of this.#releases) release()
    for (const { method, args } of this.#calls.splice(0))
      Reflect.apply(this.#webSocket[method], this.#webSocket, args)
  }
}
