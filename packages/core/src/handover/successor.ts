import type { ChildProcess } from 'node:child_process'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Address } from '../listeners/address.ts'
import type { Release, System } from '../system/system.ts'
import type { Takes } from './live/handover.ts'
import type { LiveOffer } from './live/move.ts'
import { type MessageHandler, MessageHandlers } from './message-handlers.ts'
import { Outbox } from './outbox.ts'
import { type Body, readMessage, type TicketKeys } from './protocol.ts'
import { SuccessorProcess } from './successor-process.ts'
import { isForeign, unreadable } from './unreadable.ts'

/** A successor that does not say within this time that it stops is stuck, in milliseconds. */
const stopTimeout = 5000

/** A listening handle that is only held, not wrapped: Node closes handles that it wraps. */
interface SpareHandle {
  readonly fd: number
  close(): void
}

/** Describes a connection that moves between two requests. */
export interface ConnectionOffer {
  readonly listener: Address
  /** Whether it has had a request. */
  readonly used: boolean
  /** How many requests it has had, if its server limits them. */
  readonly requests: number
}

/** The predecessor's view of the process that replaces it. It sends and reads all messages of this side. */
export class Successor extends SuccessorProcess {
  /** The live connections that it can take over: none until it says so. */
  takes: Takes = { webSockets: [], streams: false }
  readonly #handlers = new MessageHandlers()
  readonly #outbox: Outbox
  readonly #spares = new Map<Address, SpareHandle>()
  /** Whether it may already serve clients or run hooks. */
  #working = false
  #stopping = false
  #heard = false
  #onStopping: () => void = () => {}
  #dismissed: Promise<void> | undefined

  constructor(child: ChildProcess & { pid: number }, generation: number) {
    super(child, generation)
    this.#outbox = new Outbox(child)
    this.onAny((body, handle) => {
      this.#heard = true
      this.#handlers.call(body, handle)
    })
    const work = (): void => {
      this.#working = true
    }
    this.on('ready', work)
    this.on('accepts', work)
    this.on('caught-up', () => this.#outbox.caughtUp())
    this.on('stopping', () => this.#stop())
    this.on('takes', (takes) => {
      this.takes = takes
    })
    this.on('spare', ({ listener }, handle) => {
      if (handle !== undefined) this.#spares.set(listener, handle as SpareHandle)
    })
  }

  /** How many connections can be on their way to it at the same time. */
  get handlesAtOnce(): number {
    return this.#outbox.atOnce
  }

  /** Whether it has said that it stops, on its own or because it was dismissed. */
  get stopping(): boolean {
    return this.#stopping
  }

  /** Whether it has sent any message. */
  get heard(): boolean {
    return this.#heard
  }

  /** Calls back for each message of a type. */
  on<Type extends Body['type']>(type: Type, handler: MessageHandler<Type>): Release {
    return this.#handlers.add(type, handler)
  }

  /** Calls back for each message. */
  onAny(listener: (body: Body, handle: unknown) => void): Release {
    const handler = (value: unknown, handle: unknown): void => {
      const body = readMessage(value)
      if (body !== undefined) listener(body, handle)
    }
    this.child.on('message', handler)
    return () => this.child.off('message', handler)
  }

  /** Calls back for each message in another version of the protocol. */
  onForeign(listener: (error: ZerodropError) => void): Release {
    return this.#onUnreadable(true, 'This process goes on serving.', listener)
  }

  /** Calls back for each message that this process cannot read although it speaks the same version. */
  onUnreadable(listener: (error: ZerodropError) => void): Release {
    return this.#onUnreadable(false, 'It was ignored, and so are others like it.', listener)
  }

  /** Calls back when the successor has died without being told to stop, and all its messages have arrived. */
  onDeath(listener: () => void): void {
    const check = (): void => {
      if (!this.connected && this.exit !== undefined && !this.#stopping) listener()
    }
    this.child.once('exit', check)
    this.child.once('disconnect', check)
    if (!this.connected) check()
  }

  /** The descriptor with which this process can listen on an address again. It can be used only once. */
  takeSpare(listener: Address): number | undefined {
    const spare = this.#spares.get(listener)
    this.#spares.delete(listener)
    return spare?.fd
  }

  /** Sends the ticket keys of this process's TLS servers. */
  sendTicketKeys(servers: readonly TicketKeys[]): void {
    this.#sendIfAlive({ type: 'ticket-keys', servers })
  }

  /** Asks the successor to answer with `alive` and the same id. */
  sendAsk(id: number): void {
    this.#sendIfAlive({ type: 'ask', id })
  }

  /** Lets the successor accept beside this process. */
  sendAccept(): void {
    this.#sendIfAlive({ type: 'accept' })
  }

  /** Lets the successor serve instead of this process. */
  sendServe(): void {
    this.#sendIfAlive({ type: 'serve' })
  }

  /**
   * Says that this process no longer reads the common parent's messages. @param rest the part of a message
   * that it has read, in base64
   */
  sendParent(rest: string): void {
    this.#sendIfAlive({ type: 'parent', rest })
  }

  /** Reports how the drain of this process went. */
  sendEnded(how: Omit<Body & { type: 'ended' }, 'type'>): void {
    this.#sendIfAlive({ type: 'ended', ...how })
  }

  /** Says that another restart was requested. Rejects if the channel is gone. */
  sendRestart(): Promise<void> {
    return this.#outbox.send({ type: 'restart' })
  }

  /**
   * Sends a connection. Resolves when the successor has received the handle; rejects if it cannot, or if the
   * channel is gone.
   */
  sendConnection(id: number, offer: ConnectionOffer, handle: unknown): Promise<void> {
    return this.#outbox.send({ type: 'connection', id, ...offer }, handle)
  }

  /**
   * Sends a WebSocket or an event stream. Rejects if the channel is gone or the successor cannot receive the
   * handle.
   */
  async sendLive(id: number, listener: Address, offer: LiveOffer, handle: unknown): Promise<void> {
    await this.#outbox.send({ type: 'live', id, listener, ...offer })
    await this.#outbox.send({ type: 'live-handle', id }, handle)
  }

  /** Forwards a call of the application on a WebSocket that has moved. Rejects if the channel is gone. */
  sendLate(id: number, call: string): Promise<void> {
    return this.#outbox.send({ type: 'late', id, call })
  }

  /**
   * Dismisses the successor. Before it is ready, it has accepted no connection and is killed. After that it
   * may be serving and is asked to stop: it finishes its requests and ends by its own deadlines.
   *
   * Resolves when the successor is killed or has said that it stops: then this process may end. Calling it
   * again does nothing.
   */
  dismiss(system: System): Promise<void> {
    this.#dismissed ??= this.#dismiss(system)
    return this.#dismissed
  }

  async #dismiss(system: System): Promise<void> {
    this.#dropSpares()
    if (this.#stopping || this.exit !== undefined) return
    const kill = (): void => this.kill()
    if (!this.#working) return kill()
    const stopping = new Promise<void>((resolve) => {
      this.#onStopping = resolve
    })
    // A stuck successor must not stay behind without a predecessor.
    const releases = [
      system.setTimeout(kill, stopTimeout),
      system.onExit((status) => {
        kill()
        return status
      }),
    ]
    // Not a signal: which signal drains depends on its options, and a second one would cut.
    this.#sendIfAlive({ type: 'stop' })
    await Promise.race([stopping, this.gone])
    for (const release of releases) release()
    // Its remaining work does not keep this process alive.
    this.unref()
  }

  #stop(): void {
    this.#stopping = true
    // If this process kept the socket open, clients would connect and wait, because no process accepts.
    this.#dropSpares()
    this.#onStopping()
  }

  #dropSpares(): void {
    for (const spare of this.#spares.values()) spare.close()
    this.#spares.clear()
  }

  #onUnreadable(foreign: boolean, consequence: string, listener: (error: ZerodropError) => void): Release {
    const handler = (value: unknown): void => {
      const error = unreadable(this.name, value, consequence)
      if (error !== undefined && isForeign(value) === foreign) listener(error)
    }
    this.child.on('message', handler)
    return () => this.child.off('message', handler)
  }

  /** Sends a message that no caller waits for. Other code notices if the successor has died. */
  #sendIfAlive(body: Body): void {
    this.#outbox.send(body).catch(() => {})
  }
}
