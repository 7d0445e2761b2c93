import { isMainThread } from 'node:worker_threads'
import { KeeperLink } from './keeper-link.ts'
import { comingVariableName, keeperVersion } from './keeper-protocol.ts'
import { awaitAt, isRendezvous, type Rendezvous } from './rendezvous.ts'

/** The name under which the preload has stored it. */
export const comingKeeperKey: unique symbol = Symbol.for('zerodrop.coming-keeper.v1')

export interface ComingOrders extends Rendezvous {
  readonly version: typeof keeperVersion
  /** The process that is the predecessor, and becomes the keeper. */
  readonly pid: number
}

/** How often this process checks whether its predecessor is alive, in milliseconds. */
const interval = 250

/**
 * The keeper that this process's predecessor becomes when it has drained. It keeps its pid, so it stays this
 * process's parent.
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
        // The parent's pid at the start: by now the predecessor may have died.
        if (process.ppid === pid) return
        clearInterval(watch)
        release()
        resolve(undefined)
      }, interval).unref()
    })
  }

  /** Undefined until the keeper has arrived. */
  get link(): KeeperLink | undefined {
    return this.#link
  }
}

/**
 * Takes the predecessor's data for this process out of the environment, so that the application and its
 * children do not see it.
 */
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

/**
 * The coming keeper of this process, for which a preload is waiting already, or the wait begins now. A
 * thread has none.
 */
export function comingKeeperOf(): ComingKeeper | undefined {
  if (!isMainThread) return undefined
  return (globalThis as { [comingKeeperKey]?: ComingKeeper })[comingKeeperKey] ?? takeComingKeeper()
}
