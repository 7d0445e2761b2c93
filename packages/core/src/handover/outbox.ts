import type { ChildProcess } from 'node:child_process'
import { HandleChannel } from './handle-channel.ts'
import { type Body, message } from './protocol.ts'
import { UnreadBytes } from './unread-bytes.ts'

/** Sends messages to a successor. A message with a handle waits until the successor has read those before it. */
export class Outbox {
  readonly #child: ChildProcess
  readonly #channel: HandleChannel
  readonly #unread = new UnreadBytes()
  #catchingUp: Promise<void> | undefined
  #onCaughtUp: () => void = () => {}

  constructor(child: ChildProcess) {
    this.#child = child
    this.#channel = new HandleChannel(child)
  }

  /** How many handles can be on their way at the same time. */
  get atOnce(): number {
    return this.#channel.atOnce
  }

  /** Sends a message, with a native handle if it carries a descriptor. Rejects if the channel is gone. */
  async send(body: Body, handle?: unknown): Promise<void> {
    if (handle === undefined) {
      this.#unread.add(body)
      return this.#channel.send(message(body))
    }
    while (this.#unread.areTooMany && this.#child.connected) await this.#catchUp()
    this.#unread.readUpTo(this.#unread.sent)
    await this.#channel.send(message(body), handle)
  }

  /** The successor has answered `catch-up`. */
  caughtUp(): void {
    this.#onCaughtUp()
  }

  /** Resolves when the successor has read all messages so far, or is gone. */
  #catchUp(): Promise<void> {
    this.#catchingUp ??= new Promise((resolve) => {
      const { sent } = this.#unread
      const onRead = (): void => {
        this.#child.off('disconnect', onRead)
        this.#onCaughtUp = () => {}
        this.#unread.readUpTo(sent)
        this.#catchingUp = undefined
        resolve()
      }
      this.#onCaughtUp = onRead
      this.#child.once('disconnect', onRead)
      this.#channel.send(message({ type: 'catch-up' })).catch(onRead)
    })
    return this.#catchingUp
  }
}
