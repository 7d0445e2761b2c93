import type { ChildProcess, SendHandle } from 'node:child_process'
import { isMainThread } from 'node:worker_threads'
import type { KeptProgram } from './found-program.ts'
import {
  type FromKeeper,
  fromWire,
  keeperKey,
  type KeeperOrders,
  keeperVariableName,
  readKeeperOrders,
  toWire,
  type ToKeeper,
} from './keeper-protocol.ts'
import { KeptChildren, type NativeHandle } from './kept-children.ts'
import { type Channel, openChannel } from './node-internals.ts'
import { ParentChannel } from './parent-channel.ts'
import { shadow } from './shadow.ts'
import type { Keeper, KeptSocket, Release } from './system.ts'

/**
 * Takes the keeper's data for this process out of the environment, so that the application and its children
 * do not see it.
 * @param preload the file that does that before the application runs
 */
export function takeKeeper(preload?: string): KeeperLink | undefined {
  const variable = process.env[keeperVariableName]
  if (variable === undefined) return undefined
  delete process.env[keeperVariableName]
  const orders = readKeeperOrders(variable)
  // The keeper has passed on the sockets that a service manager has opened for it.
  if (orders !== undefined && process.env['LISTEN_PID'] === String(orders.pid))
    process.env['LISTEN_PID'] = String(process.pid)
  const channel = orders && openChannel(orders.channel)
  return channel && new KeeperLink(orders, channel, preload)
}

/** The link of this process, opened by a preload or now. A thread has none. */
export function keeperOf(): KeeperLink | undefined {
  if (!isMainThread) return undefined
  return (globalThis as { [keeperKey]?: KeeperLink })[keeperKey] ?? takeKeeper()
}

/** How long a suspended or busy keeper may take to drop a socket, in milliseconds. */
const dropTimeout = 1000

/** A generation's end of the link to its keeper. */
export class KeeperLink implements Keeper {
  readonly pid: number
  /** The file that the keeper has preloaded in this process. */
  readonly preload: string | undefined
  readonly generation: number
  readonly listeners: KeeperOrders['listeners']
  /** Whether zerodrop manages the servers of this process even if the application does not use it. */
  readonly registers: boolean
  readonly onDeath: KeeperOrders['onDeath']
  /** Whether the keeper asks for the output on stderr until this process serves. */
  readonly tells: boolean
  readonly #channel: Channel
  /** The sockets of which the keeper has descriptors. */
  readonly #kept: Set<string>
  readonly #children = new KeptChildren((message) => this.#send(message))
  /** The callbacks that wait until the keeper has dropped a socket. */
  readonly #dropping = new Map<string, () => void>()
  readonly #drops = new Map<string, Promise<void>>()
  #served = false
  readonly #onServing: Release[] = []

  constructor(
    { pid, generation, listeners, register, onDeath, tells }: KeeperOrders,
    channel: Channel,
    preload: string | undefined,
  ) {
    this.pid = pid
    this.preload = preload
    this.generation = generation
    this.listeners = listeners
    this.registers = register === true
    this.onDeath = onDeath === 'serve' || onDeath === 'drain' ? onDeath : undefined
    this.tells = tells === true
    this.#channel = channel
    this.#kept = new Set(listeners.map(({ bound }) => bound))
    channel.on('message', (value: unknown, handle: unknown) => {
      const message = fromWire(value) as FromKeeper | undefined
      if (message?.type === 'started' || message?.type === 'not-started')
        this.#children.onStarted(message, handle as NativeHandle | undefined)
      else if (message?.type === 'dropped') this.#dropping.get(message.bound)?.()
      else if (message?.type === 'ended') this.#children.onEnded(message)
    })
    // A listener of 'disconnect' would be visible, and would keep the process alive.
    if (process.send !== undefined)
      shadow(process, 'disconnect', (disconnect) => () => {
        Reflect.apply(disconnect, process, [])
        this.#send({ type: 'parent-closed' })
      })
    channel.once('disconnect', () => {
      for (const dropped of this.#dropping.values()) dropped()
      this.#children.onKeeperGone()
    })
  }

  get connected(): boolean {
    return this.#channel.connected
  }

  keep(sockets: readonly KeptSocket[]): void {
    const wanted = new Set(sockets.map(({ bound }) => bound))
    for (const bound of this.#kept) if (!wanted.has(bound)) this.#drop(bound)
    for (const { bound, requested, handle } of sockets) {
      if (this.#kept.has(bound) || handle === undefined) continue
      this.#kept.add(bound)
      this.#send({ type: 'keep', bound, requested }, handle)
    }
  }

  /**
   * Sends the keeper the channel to this process's parent, which the keeper had before it replaced its
   * program.
   */
  giveParent(): void {
    const parent = ParentChannel.own()
    if (parent !== undefined)
      this.#send({ type: 'parent', serialization: parent.serialization }, parent.handle)
  }

  inherits(addresses: readonly string[]): void {
    for (const bound of addresses) this.#kept.add(bound)
  }

  letGo(bound: string): Promise<void> {
    if (this.#kept.has(bound)) this.#drop(bound)
    const dropped = this.#drops.get(bound)
    return dropped ?? Promise.resolve()
  }

  takeCharge(generation: number): void {
    // Sent again, because the successor has died and this process does not know which sockets it has dropped.
    if (this.#served) this.#kept.clear()
    this.#served = true
    for (const release of this.#onServing.splice(0)) release()
    this.#send({ type: 'charge', generation })
  }

  /** Sends the keeper a part of the output on stderr. */
  tell(text: string): void {
    this.#send({ type: 'stderr', text })
  }

  /** Calls back when this process serves. */
  onServing(listener: Release): void {
    this.#onServing.push(listener)
  }

  onGone(listener: () => void): Release {
    this.#channel.once('disconnect', listener)
    if (!this.#channel.connected) queueMicrotask(listener)
    return () => this.#channel.off('disconnect', listener)
  }

  onAsk(listener: (what: 'restart' | 'stop' | 'status') => Promise<unknown>): Release {
    const onMessage = (value: unknown): void => {
      const message = fromWire(value) as FromKeeper | undefined
      if (message?.type !== 'ask') return
      const { id } = message
      listener(message.what).then(
        (result) => this.#send({ type: 'answer', id, result }),
        (error: unknown) => this.#send({ type: 'answer', id, error: plain(error) }),
      )
    }
    this.#channel.on('message', onMessage)
    return () => this.#channel.off('message', onMessage)
  }

  /**
   * Starts a program through the keeper, with the keeper's sockets.
   * @returns the child, as `child_process.spawn()` would return it with a channel
   * @throws an error if the keeper could not start it, or is gone
   */
  start(program: KeptProgram, listeners: readonly string[]): Promise<ChildProcess> {
    return this.#children.start(program, listeners)
  }

  #drop(bound: string): void {
    this.#kept.delete(bound)
    if (!this.connected) return
    this.#drops.set(
      bound,
      new Promise((resolve) => {
        const dropped = (): void => {
          clearTimeout(timer)
          this.#dropping.delete(bound)
          this.#drops.delete(bound)
          resolve()
        }
        const timer = setTimeout(dropped, dropTimeout)
        this.#dropping.set(bound, dropped)
      }),
    )
    this.#send({ type: 'drop', bound })
  }

  /** Returns whether the keeper was there to send the message to. */
  #send(message: ToKeeper, handle?: object): boolean {
    const { connected } = this
    // Without the callback, a keeper that has just died would cause an 'error' event.
    if (connected) this.#channel.send(toWire(message), handle as SendHandle | undefined, {}, () => {})
    return connected
  }
}

function plain(error: unknown): object {
  const { code, message, stderr } = error as { code?: unknown; message?: unknown; stderr?: unknown }
  return { code, message: message ?? String(error), stderr }
}
