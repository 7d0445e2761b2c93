import { constants } from 'node:os'
import type { AdoptOrders } from './become-keeper.ts'
import { adoptVariableName } from './keeper-protocol.ts'
import type { Child } from './keeper-system.ts'
import type { Channel } from './node-internals.ts'
import { processStat } from './process-stat.ts'
import { isRendezvous, meetAt } from './rendezvous.ts'

type End = (code: number | null, signal: NodeJS.Signals | null) => void

/** How often to check a generation whose channel is closed, in milliseconds. */
const interval = 50

/** The generation that this process started before it replaced its program; undefined if there is none. */
export function adoptedGeneration(): { child: Child; generation: number } | undefined {
  const variable = process.env[adoptVariableName]
  delete process.env[adoptVariableName]
  const orders = JSON.parse(variable ?? 'null') as AdoptOrders | null
  if (!isRendezvous(orders)) return undefined
  return { child: new AdoptedChild(orders), generation: orders.generation }
}

/**
 * A generation that this process started before it replaced its program. It is still a child of this
 * process, but libuv only waits for children that it knows. So it stays a zombie, whose status the kernel
 * shows to its own user.
 * https://github.com/libuv/libuv/blob/v1.51.0/src/unix/process.c (uv__wait_children)
 */
export class AdoptedChild implements Child {
  readonly pid: number
  readonly stream = undefined
  #channel: Channel | undefined
  /** The generation has to send first: a message directly after the token would be lost. */
  #heard = false
  readonly #onMessage: ((message: unknown, handle: unknown) => void)[] = []
  #onEnd: End = () => {}

  constructor(orders: AdoptOrders) {
    this.pid = orders.pid
    meetAt(orders).then(
      (channel) => this.#listen(channel),
      () => this.#watch(),
    )
  }

  send(message: object, handle?: object, sent: () => void = () => {}): void {
    const channel = this.#channel
    if (!this.#heard || channel?.connected !== true) sent()
    else channel.send(message, handle as never, {}, () => sent())
  }

  onMessage(listener: (message: unknown, handle: unknown) => void): void {
    this.#onMessage.push(listener)
  }

  onEnd(listener: End): void {
    this.#onEnd = listener
  }

  kill(signal: NodeJS.Signals): void {
    try {
      process.kill(this.pid, signal)
    } catch {
      // The signal may not be allowed: only its end matters.
    }
  }

  #listen(channel: Channel): void {
    this.#channel = channel
    // Only this keeps the process alive.
    channel.channel?.ref()
    channel.on('message', (message: unknown, handle: unknown) => {
      this.#heard = true
      for (const listener of this.#onMessage) listener(message, handle)
    })
    channel.once('disconnect', () => this.#watch())
  }

  #watch(): void {
    const stat = processStat(this.pid)
    if (stat !== undefined && !/[ZX]/.test(stat.state)) return void setTimeout(() => this.#watch(), interval)
    this.#onEnd(...endOf(stat?.waitStatus))
  }
}

/** @param status as `waitpid` returns it; undefined if unknown */
export function endOf(status: number | undefined): [code: number | null, signal: NodeJS.Signals | null] {
  if (status === undefined) return [null, null]
  const number = status & 0x7f
  if (number === 0) return [(status >> 8) & 0xff, null]
  const name = Object.entries(constants.signals).find(([, each]) => each === number)?.[0]
  return [null, (name ?? 'SIGKILL') as NodeJS.Signals]
}
