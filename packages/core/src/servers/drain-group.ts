import type { Server } from 'node:net'
import { Drain, type DrainOptions } from '../drain/drain.ts'
import type { DrainResult } from '../events/drain-report.ts'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import type { System } from '../system/system.ts'
import { type Hook, runHook } from './run-hook.ts'
import type { ManagedServer } from './managed-server.ts'

/** One drain of some servers, with the hooks that run when they settle. */
export class DrainGroup {
  /** Resolves once no connection can bring a new request. */
  readonly settled: Promise<void>
  /** Resolves when the last connection has ended. */
  readonly drained: Promise<DrainResult>
  /** Resolves when the hooks have run as well, with their errors. */
  readonly done: Promise<readonly ZerodropError[]>
  readonly servers: readonly ManagedServer[]
  readonly #drain: Drain
  /** How the drain has ended, once it can no longer be reverted. */
  readonly #outcome: Promise<'over' | 'cancelled'>
  #cancel: () => void = () => {}

  /** @param final resolves when a drain with a successor can no longer be reverted */
  constructor(
    system: System,
    servers: readonly ManagedServer[],
    options: DrainOptions,
    final: Promise<void> = Promise.resolve(),
  ) {
    this.servers = servers
    const drains = servers.flatMap(({ drain }) => drain ?? [])
    this.#drain = new Drain(system, drains, options)
    const late: Hook[] = []
    const running: Promise<ZerodropError | undefined>[] = []
    let settle = (): void => {}
    this.settled = new Promise((resolve) => {
      settle = resolve
    })
    let unsettled = drains.length
    if (unsettled === 0) settle()
    this.drained = this.#drain.run((settled) => {
      const entry = servers.find(({ drain }) => drain === settled)?.settings.hook
      // The hook may wait for the server's last connection, so its time begins with the end of the drain.
      // While a successor may still die, nothing irreversible happens.
      if (entry !== undefined && options.successor) late.push(entry)
      else if (entry !== undefined) running.push(runHook(system, entry, this.drained))
      if (--unsettled === 0) settle()
    })
    const cancelled = new Promise<'cancelled'>((resolve) => {
      this.#cancel = () => resolve('cancelled')
    })
    const over = Promise.all([this.drained, final]).then(() => 'over' as const)
    this.#outcome = Promise.race([cancelled, over])
    void this.drained.then(settle)
    this.done = this.#outcome.then(async (outcome) => {
      if (outcome === 'cancelled') return []
      for (const entry of late) running.push(runHook(system, entry, this.drained))
      return (await Promise.all(running)).filter((error) => error !== undefined)
    })
  }

  /**
   * Resolves when this drain has closed a server for good: with a successor, not before the drain can no
   * longer be reverted. If the drain is given up, resolves when the server closes in another way.
   */
  async closed(server: Server): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      server.once('close', resolve)
    })
    if ((await this.#outcome) === 'cancelled') await closed
  }

  force(): void {
    this.#drain.force()
  }

  /** Ends the drain where it is; hooks that have not begun do not run. */
  cancel(): void {
    this.#cancel()
    this.#drain.cancel()
  }
}
