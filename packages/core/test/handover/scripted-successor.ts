import { MessageHandlers } from '../../src/handover/message-handlers.ts'

/** The connection to a successor whose answers are scripted by the test. */
export class ScriptedSuccessor {
  connected = true
  handlesAtOnce = 8
  readonly handlers = new MessageHandlers()
  readonly on = this.handlers.add.bind(this.handlers)
  #onGone: () => void = () => {}

  onGone(listener: () => void): () => void {
    this.#onGone = listener
    return () => {}
  }

  goes(): void {
    this.connected = false
    this.#onGone()
  }
}
