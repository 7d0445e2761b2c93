import type { Release } from '../system/system.ts'
import type { Body } from './protocol.ts'

/** Called with a message of one type, and the native handle that came with it. */
export type MessageHandler<Type extends Body['type']> = (
  body: Extract<Body, { type: Type }>,
  handle: unknown,
) => void

/** The handlers for another process's messages, by type. */
export class MessageHandlers {
  readonly #handlers = new Map<string, readonly ((body: never, handle: unknown) => void)[]>()

  /** @returns a function that removes the handler */
  add<Type extends Body['type']>(type: Type, handler: MessageHandler<Type>): Release {
    this.#handlers.set(type, [...this.#of(type), handler])
    return () =>
      this.#handlers.set(
        type,
        this.#of(type).filter((each) => each !== handler),
      )
  }

  /** Calls the handlers that exist now: a handler added by one of them gets the next message. */
  call(body: Body, handle: unknown): void {
    for (const handler of this.#of(body.type)) handler(body as never, handle)
  }

  #of(type: string): readonly ((body: never, handle: unknown) => void)[] {
    return this.#handlers.get(type) ?? []
  }
}
