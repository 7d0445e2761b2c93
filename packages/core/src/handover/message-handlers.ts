import type { Release } from '../system/system.ts'
import type { Body } from './protocol.ts'

/** Called with a message of one type, and the native handle that came with it. */
export type MessageHandler<Type extends Body['type']> = (
  body: Extract<Body, { type: Type }>,
  handle: unknown,
) => void

/** What is called for the messages of another process, by their type. */
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

  /** Calls those that are there now: one that is added meanwhile hears the next message. */
  call(body: Body, handle: unknown): void {
    for (const handler of this.#of(body.type)) handler(body as never, handle)
  }

  #of(type: string): readonly ((body: never, handle: unknown) => void)[] {
    return this.#handlers.get(type) ?? []
  }
}
