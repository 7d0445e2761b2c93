import type { ChildProcess, SendHandle } from 'node:child_process'
import { isMainThread } from 'node:worker_threads'
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
import { type Channel, openChannel } from './node-internals.ts'
import { ParentChannel } from './parent-channel.ts'
import { hasEnded } from './process-stat.ts'
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

/** A program to start as a copy of this process. */
export interface KeptProgram {
  readonly file: string
  /** The arguments; the first is the program's `argv[0]`. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<NodeJS.ProcessEnv>
}

/**
 * A successor that the keeper has started, as this process sees it: its channel, and the end of its process.
 */
interface KeptChild extends Channel {
  pid?: number
  exitCode: number | null
  signalCode: NodeJS.Signals | null
  kill(signal?: NodeJS.Signals): boolean
  unref(): void
}

/** A native handle that has brought a descriptor. */
interface NativeHandle {
  readonly fd: number
}

/** How long a suspended or busy keeper may take to drop a socket, in milliseconds. */
const dropTimeout = 1000

/** How often to look whether a successor has ended that a dead keeper had started, in milliseconds. */
const interval = 50

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
  readonly #channel: Channel
  /** The sockets of which the keeper has descriptors. */
  readonly #kept: Set<string>
  readonly #starting = new Map<
    number,
    (answer: FromKeeper | undefined, handle: NativeHandle | undefined) => void
  >()
  readonly #children = new Map<number, KeptChild>()
  /** The callbacks that wait until the keeper has dropped a socket. */
  readonly #dropping = new Map<string, () => void>()
  readonly #drops = new Map<string, Promise<void>>()
  #served = false
  #lastId = 0

  constructor(
    { pid, generation, listeners, register, onDeath }: KeeperOrders,
    channel: Channel,
    preload: string | undefined,
  ) {
    this.pid = pid
    this.preload = preload
    this.generation = generation
    this.listeners = listeners
    this.registers = register === true
    this.onDeath = onDeath === 'serve' || onDeath === 'drain' ? onDeath : undefined
    this.#channel = channel
    this.#kept = new Set(listeners.map(({ bound }) => bound))
    channel.on('message', (value: unknown, handle: unknown) => {
      const message = fromWire(value) as FromKeeper | undefined
      if (message?.type === 'started' || message?.type === 'not-started')
        this.#starting.get(message.id)?.(message, handle as NativeHandle | undefined)
      else if (message?.type === 'dropped') this.#dropping.get(message.bound)?.()
      else if (message?.type === 'ended') this.#onEnded(message)
    })
    // A listener of 'disconnect' would be visible, and would keep the process alive.
    if (process.send !== undefined)
      shadow(process, 'disconnect', (disconnect) => () => {
        Reflect.apply(disconnect, process, [])
        this.#send({ type: 'parent-closed' })
      })
    channel.once('disconnect', () => {
      for (const answer of this.#starting.values()) answer(undefined, undefined)
      for (const dropped of this.#dropping.values()) dropped()
      for (const [pid, child] of this.#children) this.#watch(pid, child)
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
    this.#send({ type: 'charge', generation })
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
  start({ file, args, cwd, env }: KeptProgram, listeners: readonly string[]): Promise<ChildProcess> {
    const id = ++this.#lastId
    const variables = Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    )
    return new Promise((resolve, reject) => {
      this.#starting.set(id, (answer, handle) => {
        this.#starting.delete(id)
        if (answer?.type === 'started' && handle !== undefined) {
          const child = this.#adopt(answer.pid, handle)
          if (child !== undefined) resolve(child as unknown as ChildProcess)
          else reject(new Error('the channel to it could not be opened'))
        } else if (answer?.type === 'not-started') reject(new Error(answer.message))
        else reject(new Error('the keeper is gone'))
      })
      if (!this.connected) this.#starting.get(id)?.(undefined, undefined)
      else this.#send({ type: 'start', id, file, args, cwd, env: variables, listeners })
    })
  }

  /** The handle that brought the descriptor stays as it is: closing it would close the channel's descriptor. */
  #adopt(pid: number, { fd }: NativeHandle): KeptChild | undefined {
    const child = openChannel(fd) as KeptChild | undefined
    if (child === undefined) {
      this.#send({ type: 'kill', pid, signal: 'SIGKILL' })
      return undefined
    }
    child.pid = pid
    child.kill = (signal = 'SIGTERM') => {
      if (this.connected) this.#send({ type: 'kill', pid, signal })
      else if (this.#children.has(pid)) killOrphan(pid, signal)
      return this.#children.has(pid)
    }
    // This object has no process: only the channel could keep this process alive.
    child.unref = () => child.channel?.unref()
    this.#children.set(pid, child)
    return child
  }

  /** The keeper is gone: whoever reaps this child does not say how it ended. */
  #watch(pid: number, child: KeptChild): void {
    const look = (): void => {
      if (hasEnded(pid)) this.#onEnded({ pid, code: null, signal: null })
      else setTimeout(look, interval).unref()
    }
    if (child.connected) child.once('disconnect', look)
    else look()
  }

  #onEnded({ pid, code, signal }: Omit<FromKeeper & { type: 'ended' }, 'type'>): void {
    const child = this.#children.get(pid)
    if (child === undefined) return
    this.#children.delete(pid)
    child.exitCode = code
    child.signalCode = signal
    child.emit('exit', code, signal)
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

  #send(message: ToKeeper, handle?: object): void {
    // Without the callback, a keeper that has just died would cause an 'error' event.
    if (this.connected) this.#channel.send(toWire(message), handle as SendHandle | undefined, {}, () => {})
  }
}

function killOrphan(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended: only that matters.
  }
}

function plain(error: unknown): object {
  const { code, message, stderr } = error as { code?: unknown; message?: unknown; stderr?: unknown }
  return { code, message: message ?? String(error), stderr }
}
