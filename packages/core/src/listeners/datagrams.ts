import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket as NodeSocket } from 'node:dgram'
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import { type DatagramHandle, datagramHandleOf } from '../system/node-internals.ts'
import type { KeptSocket, Release, System } from '../system/system.ts'
import { datagramAddress } from './address.ts'
import { addressOf, close, type DatagramSocket, isConnected, keepMemberships } from './datagram-socket.ts'
import type { Hold } from './hold.ts'
import { type InheritedListener, type InheritedListeners, mismatch } from './inheritance.ts'

export interface DatagramsObserver {
  /** Called before a socket is bound. */
  onBinding(socket: NodeSocket): void
  /** Called when a socket could not be bound. */
  onFailed(socket: NodeSocket): void
  onBound(socket: NodeSocket): void
  onClosed(): void
  onWarning(error: ZerodropError): void
}

/** How long replies may take after the last datagram was received, in milliseconds. */
const answerTime = 500

/** The limit of the wait for a quiet tick, because datagrams may arrive without a pause. */
const queueTimeout = 1000

/**
 * The UDP sockets that this process has bound to a port of its choice. There are no connections and nothing to drain:
 * predecessor and successor share the socket and its queue in the kernel, and the process that reads it
 * answers.
 *
 * Node publishes `udp.socket` at the end of the socket's constructor. Its `bind()` ends in one call of the
 * native handle's `bind()`, after names are resolved; an inherited descriptor is opened at that point
 * instead.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/dgram.js (Socket.prototype.bind)
 */
export class Datagrams {
  readonly #system: System
  readonly #inherited: InheritedListeners
  readonly #hold: Hold
  #observer: DatagramsObserver | undefined
  readonly #bound = new Set<DatagramSocket>()
  readonly #ignored = new WeakSet<NodeSocket>()
  #received = 0

  constructor(system: System, inherited: InheritedListeners, hold: Hold) {
    this.#system = system
    this.#inherited = inherited
    this.#hold = hold
  }

  /** Begins to see every new UDP socket. */
  watch(observer: DatagramsObserver): Release {
    this.#observer = observer
    const onSocket = (message: unknown): void => this.#prepare((message as { socket: DatagramSocket }).socket)
    subscribe('udp.socket', onSocket)
    return () => unsubscribe('udp.socket', onSocket)
  }

  get size(): number {
    return this.#bound.size
  }

  /** The sockets that a successor can inherit. A socket connected to a peer stays with this process. */
  get inheritable(): readonly InheritedListener[] {
    return [...this.#bound].flatMap((socket) => {
      const fd = datagramHandleOf(socket)?.fd
      const bound = addressOf(socket)
      if (fd === undefined || fd < 0 || bound === undefined || isConnected(socket)) return []
      return [{ fd, requested: bound, bound }]
    })
  }

  /** The native handles of these sockets. */
  get handles(): readonly KeptSocket[] {
    return [...this.#bound].flatMap((socket) => {
      const handle = datagramHandleOf(socket)
      const bound = addressOf(socket)
      if (handle === undefined || bound === undefined || isConnected(socket)) return []
      return [{ bound, requested: bound, handle }]
    })
  }

  /** Leaves a socket to the application. */
  ignore(socket: NodeSocket): void {
    this.#ignored.add(socket)
    this.#forget(socket)
  }

  /** Stops reading: datagrams stay in the kernel, for the successor. Sending continues. */
  pause(): void {
    for (const socket of this.#bound) datagramHandleOf(socket)?.recvStop()
  }

  /** Resumes reading. */
  resume(): void {
    for (const socket of this.#bound) datagramHandleOf(socket)?.recvStart()
  }

  /**
   * Ends the sockets: reads the datagrams that have arrived, leaves time for the answers, and closes.
   * @param successor whether another process continues to read; then this process reads nothing
   */
  async end(successor: boolean): Promise<void> {
    if (this.#bound.size === 0) return
    if (!successor) await this.#readQueued()
    this.pause()
    await new Promise<void>((resolve) => {
      this.#system.setTimeout(resolve, answerTime)
    })
    await Promise.all([...this.#bound].map(close))
  }

  /** Waits for event loop ticks until one has received nothing. */
  async #readQueued(): Promise<void> {
    for (const socket of this.#bound) socket.on('message', () => this.#received++)
    const deadline = this.#system.now() + queueTimeout
    let received: number
    do {
      received = this.#received
      await new Promise<void>((resolve) => {
        this.#system.setImmediate(resolve)
      })
    } while (this.#received !== received && this.#system.now() < deadline)
  }

  #prepare(socket: DatagramSocket): void {
    const handle = datagramHandleOf(socket)
    if (handle === undefined) return
    // For IPv6, Node has already set an own property to another method.
    const { bind } = handle
    handle.bind = (address, port, flags) => {
      const isOurs = port > 0 && !this.#ignored.has(socket)
      if (isOurs) this.#observer?.onBinding(socket)
      const status = this.#bind(socket, handle, address, port, () =>
        Reflect.apply(bind, handle, [address, port, flags]),
      )
      if (isOurs && status === 0) this.#track(socket)
      else this.#observer?.onFailed(socket)
      return status
    }
  }

  #bind(
    socket: DatagramSocket,
    handle: DatagramHandle,
    address: string,
    port: number,
    bindNew: () => number,
  ): number {
    if (this.#ignored.has(socket)) return bindNew()
    const requested = port > 0 ? datagramAddress({ family: socket.type, address, port }) : undefined
    const inherited = requested === undefined ? undefined : this.#inherited.take(requested)
    if (inherited === undefined) return bindNew()
    const status = handle.open(inherited.fd)
    const found = status === 0 ? addressOf(socket) : 'no UDP socket'
    if (found !== inherited.bound) {
      this.#observer?.onWarning(mismatch(inherited.fd, inherited.bound, found ?? 'no UDP socket'))
      return status === 0 ? -constants.errno.EINVAL : status
    }
    keepMemberships(handle)
    if (this.#hold.holds) {
      this.#hold.receiving(handle, {
        onClosed: () => this.#inherited.offer(inherited),
        onFailed: (status) => {
          const found = `not one (recvStart: ${getSystemErrorName(status)})`
          this.#observer?.onWarning(mismatch(inherited.fd, inherited.bound, found))
        },
      })
    }
    return 0
  }

  #track(socket: DatagramSocket): void {
    this.#bound.add(socket)
    socket.once('close', () => this.#forget(socket))
    this.#observer?.onBound(socket)
  }

  #forget(socket: NodeSocket): void {
    if (this.#bound.delete(socket as DatagramSocket)) this.#observer?.onClosed()
  }
}
