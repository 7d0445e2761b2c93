import type { Address } from '../listeners/address.ts'
import type { PredecessorChannel, Release } from '../system/system.ts'
import type { Takes } from './live/handover.ts'
import { type MessageHandler, MessageHandlers } from './message-handlers.ts'
import { type Body, message, readMessage } from './protocol.ts'
import { unreadable } from './unreadable.ts'
import type { ZerodropError } from '../errors/zerodrop-error.ts'

/** The successor's view of the process that it is to replace: the mirror of `Successor`. */
export class Predecessor {
  /** 0 if it is not known. */
  readonly pid: number
  /** Resolves when it has closed the channel or has died. */
  readonly gone: Promise<void>
  readonly #channel: PredecessorChannel
  readonly #hasTakenOver: () => boolean
  readonly #handlers = new MessageHandlers()
  #connected = true

  /** @param hasTakenOver whether this process is the one that serves by now */
  constructor(channel: PredecessorChannel, pid: number, hasTakenOver: () => boolean) {
    this.pid = pid
    this.#channel = channel
    this.#hasTakenOver = hasTakenOver
    this.gone = new Promise((resolve) => {
      channel.onDisconnect(() => {
        this.#connected = false
        resolve()
      })
    })
    channel.onMessage((value, handle) => {
      const body = readMessage(value)
      if (body !== undefined) this.#handlers.call(body, handle)
    })
  }

  /** Whether it is there. */
  get connected(): boolean {
    return this.#connected
  }

  /** Whether it is there and has not handed over to this process. */
  get serves(): boolean {
    return this.#connected && !this.#hasTakenOver()
  }

  /** Calls back for each message of a type. */
  on<Type extends Body['type']>(type: Type, handler: MessageHandler<Type>): Release {
    return this.#handlers.add(type, handler)
  }

  /** Calls back for each message that this process cannot read. */
  onUnreadable(listener: (error: ZerodropError) => void): Release {
    return this.#channel.onMessage((value) => {
      const who = `The predecessor (pid ${this.pid})`
      const error = unreadable(who, value, 'It was ignored, and so are others like it.')
      if (error !== undefined) listener(error)
    })
  }

  /** Calls back once, when the predecessor has closed the channel or has died; soon, if that has happened already. */
  onDisconnect(listener: () => void): Release {
    return this.#channel.onDisconnect(listener)
  }

  /** This process runs zerodrop, and reads what it is sent from now on. */
  sendStarted(): void {
    sendStarted(this.#channel)
  }

  /** Keeps a listening socket, and what waits in its queue, alive if this process dies. */
  sendSpare(listener: Address, handle: unknown): void {
    this.#channel.send(message({ type: 'spare', listener }), handle)
  }

  /** Why this process is not ready. */
  sendNotReady(reason: string): void {
    if (this.serves) this.#channel.send(message({ type: 'not-ready', reason }))
  }

  /** This process is ready. */
  sendReady(): void {
    this.#channel.send(message({ type: 'ready' }))
  }

  /** This process accepts already: Node does not let a socket wait. */
  sendAccepts(): void {
    this.#channel.send(message({ type: 'accepts' }))
  }

  /** What this process can take over in the middle of what it does. */
  sendTakes({ streams, webSockets }: Takes): void {
    if (this.serves) this.#channel.send(message({ type: 'takes', streams, webSockets }))
  }

  /**
   * A restart was asked for here.
   * @returns whether the predecessor is there to make it
   */
  sendRestart(): boolean {
    if (this.serves) this.#channel.send(message({ type: 'restart' }))
    return this.serves
  }

  /** This process stops on its own account, or because it was dismissed. */
  sendStopping(): void {
    this.#channel.send(message({ type: 'stopping' }))
  }

  /** An answer to `ask`. */
  sendAlive(id: number): void {
    this.#channel.send(message({ type: 'alive', id }))
  }

  /** These connections are served here from now on. */
  sendTaken(ids: readonly number[]): void {
    this.#channel.send(message({ type: 'taken', ids }))
  }

  /**
   * There is no place for these connections here.
   * @param listening whether a server listens at their address
   */
  sendDeclined(ids: readonly number[], listening: boolean): void {
    this.#channel.send(message({ type: 'declined', ids, listening }))
  }

  /** Whether a WebSocket or an event stream is served here from now on. */
  sendLiveAnswer(id: number, taken: boolean): void {
    this.#channel.send(message({ type: 'live-answer', id, taken }))
  }

  /** An answer to `catch-up`. */
  sendCaughtUp(): void {
    this.#channel.send(message({ type: 'caught-up' }))
  }
}

/** Lets a predecessor of any version learn that it waits for a process that runs zerodrop. */
export function sendStarted(channel: PredecessorChannel): void {
  channel.send(message({ type: 'started' }))
}
