import type { Address } from '../listeners/address.ts'
import type { PredecessorChannel, Release } from '../system/system.ts'
import type { Takes } from './live/handover.ts'
import { type MessageHandler, MessageHandlers } from './message-handlers.ts'
import { type Body, message, readMessage } from './protocol.ts'
import { unreadable } from './unreadable.ts'
import type { ZerodropError } from '../errors/zerodrop-error.ts'

/** The successor's view of the process that it replaces: the counterpart of `Successor`. */
export class Predecessor {
  /** The predecessor's pid; 0 if it is unknown. */
  readonly pid: number
  /** Resolves when the predecessor has closed the channel or has died. */
  readonly gone: Promise<void>
  readonly #channel: PredecessorChannel
  readonly #hasTakenOver: () => boolean
  readonly #handlers = new MessageHandlers()
  #connected = true
  #heard = false

  /** @param hasTakenOver whether this process is the serving one by now */
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
      this.#heard = true
      const body = readMessage(value)
      if (body !== undefined) this.#handlers.call(body, handle)
    })
  }

  /** Whether the predecessor is still connected. */
  get connected(): boolean {
    return this.#connected
  }

  /** Whether this process has ever got a message from the predecessor, which answers the first one. */
  get heard(): boolean {
    return this.#heard
  }

  /** Whether the predecessor is still connected and has not handed over to this process. */
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

  /** Tells the predecessor that this process runs zerodrop and reads messages from now on. */
  sendStarted(): void {
    sendStarted(this.#channel)
  }

  /** Sends a listening socket, so that it and the connections in its queue survive if this process dies. */
  sendSpare(listener: Address, handle: unknown): void {
    this.#channel.send(message({ type: 'spare', listener }), handle)
  }

  /** Sends the reason why this process is not ready. */
  sendNotReady(reason: string): void {
    if (this.serves) this.#channel.send(message({ type: 'not-ready', reason }))
  }

  /** Says that this process is ready. */
  sendReady(): void {
    this.#channel.send(message({ type: 'ready' }))
  }

  /** Says that this process accepts already, because Node does not let it hold back a socket. */
  sendAccepts(): void {
    this.#channel.send(message({ type: 'accepts' }))
  }

  /** Says which live connections this process can take over. */
  sendTakes({ streams, webSockets }: Takes): void {
    if (this.serves) this.#channel.send(message({ type: 'takes', streams, webSockets }))
  }

  /**
   * Says that a restart was requested in this process.
   * @returns whether the predecessor is there to perform it
   */
  sendRestart(): boolean {
    if (this.serves) this.#channel.send(message({ type: 'restart' }))
    return this.serves
  }

  /** Says that this process stops, on its own or because it was dismissed. */
  sendStopping(): void {
    this.#channel.send(message({ type: 'stopping' }))
  }

  /** Answers `ask`. */
  sendAlive(id: number): void {
    this.#channel.send(message({ type: 'alive', id }))
  }

  /** Says that this process serves these connections from now on. */
  sendTaken(ids: readonly number[]): void {
    this.#channel.send(message({ type: 'taken', ids }))
  }

  /**
   * Declines these connections.
   * @param listening whether a server listens at their address
   */
  sendDeclined(ids: readonly number[], listening: boolean): void {
    this.#channel.send(message({ type: 'declined', ids, listening }))
  }

  /** Says whether this process serves a WebSocket or an event stream from now on. */
  sendLiveAnswer(id: number, taken: boolean): void {
    this.#channel.send(message({ type: 'live-answer', id, taken }))
  }

  /** Answers `catch-up`. */
  sendCaughtUp(): void {
    this.#channel.send(message({ type: 'caught-up' }))
  }
}

/** Tells a predecessor of any version that it waits for a process that runs zerodrop. */
export function sendStarted(channel: PredecessorChannel): void {
  channel.send(message({ type: 'started' }))
}
