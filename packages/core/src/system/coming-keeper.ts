import { isMainThread } from 'node:worker_threads'
import { KeeperLink } from './keeper-link.ts'
import { comingVariableName, keeperVersion } from './keeper-protocol.ts'
import { awaitAt, isRendezvous, type Rendezvous } from './rendezvous.ts'

/** By what name the preload has left it. */
export const comingKeeperKey: unique symbol = Symbol.for('zerodrop.coming-keeper.v1')

export interface ComingOrders extends Rendezvous {
  readonly version: typeof keeperVersion
  /** The process that is the predecessor, and becomes the keeper. */
  readonly pid: number
}

/** How often this process looks whether its predecessor is there, in milliseconds. */
const interval = 250

/**
 * The keeper that this process's predecessor turns into when it has drained. It has the same pid then, and is this
 * process's parent before and after.
 */
export class ComingKeeper {
  readonly pid: number
  /** Resolves with the keeper, or with undefined if the predecessor has died instead. */
  readonly arrived: Promise<KeeperLink | undefined>
  #link: KeeperLink | undefined

  constructor({ pid, ...rendezvous }: ComingOrders, preload: string | undefined) {
    this.pid = pid
    this.arrived = new Promise((resolve) => {
      const release = awaitAt(rendezvous, (channel) => {
        clearInterval(watch)
        const orders = { version: keeperVersion, pid, channel: 0, generation: 1, listeners: [] } as const
        this.#link = new KeeperLink(orders, channel, preload)
        this.#link.giveParent()
        resolve(this.#link)
      })
      const watch = setInterval(() => {
        // Its parent's pid at its start: by now the predecessor may have died.
        if (process.ppid === pid) return
        clearInterval(watch)
        release()
        resolve(undefined)
      }, interval).unref()
    })
  }

  /** Undefined until it is there. */
  get link(): KeeperLink | undefined {
    return this.#link
  }
}

/** Takes what a predecessor left for this process, and leaves nothing of it for the application and its children. */
export function takeComingKeeper(preload?: string): ComingKeeper | undefined {
  const variable = process.env[comingVariableName]
  if (variable === undefined) return undefined
  delete process.env[comingVariableName]
  let value: unknown
  try {
    value = JSON.parse(variable)
  } catch {
    return undefined
  }
  const { version, pid } = (value ?? {}) as Record<keyof ComingOrders, unknown>
  if (version !== keeperVersion || !Number.isSafeInteger(pid) || !isRendezvous(value)) return undefined
  return new ComingKeeper(value as ComingOrders, preload)
}

/** That of this process, which a preload waits for, or which is waited for from now on. A thread has none. */
export function comingKeeperOf(): ComingKeeper | undefined {
  if (!isMainThread) return undefined
  return (globalThis as { [comingKeeperKey]?: ComingKeeper })[comingKeeperKey] ?? takeComingKeeper()
}
