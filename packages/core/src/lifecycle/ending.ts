import { constants } from 'node:os'
import { summarise } from '../events/describe-drain.ts'
import { Attempts } from '../errors/attempts.ts'
import type { DrainResult } from '../events/drain-report.ts'
import type { Context } from './context.ts'
import { afterTurn } from '../system/after-turn.ts'
import type { WorkersResult } from '../servers/cluster-workers.ts'
import type { DrainGroup } from '../servers/drain-group.ts'
import { Others } from './others.ts'
import type { Settings } from '../options/options.ts'

/** The result of a stop. */
export interface ShutdownResult extends DrainResult {
  /** The signal, `'shutdown()'`, or `'dismissed'` in a successor that its predecessor has rejected. */
  readonly reason: string
}

/**
 * Ends the process, by a drain or by a handover to a successor. The first caller decides which; later
 * callers wait for the same end.
 */
export class Ending {
  readonly #context: Context
  readonly #attempts: Attempts
  #onBegin: () => Promise<void> = () => Promise.resolve()
  #unbound: Promise<void> = Promise.resolve()
  #result: Promise<ShutdownResult> | undefined
  #group: DrainGroup | undefined
  /** The end of the workers of node:cluster, if this process has any. */
  #workers: Promise<WorkersResult> | undefined
  /** Whether a worker failed: then this process exits with 1 as well. */
  #workersFailed = false
  #shutdownRequested = false
  /** Whether the process ends by a handover: then the caller that began it exits. */
  #joined = false
  #exits = false
  #exiting: Promise<void> | undefined
  #forcedStatus: number | undefined
  /** The signal with which other code's handlers are called at the end; undefined for none. */
  #signal: NodeJS.Signals | undefined
  readonly #others: Others
  readonly #forced: Promise<void>
  #force: () => void = () => {}

  constructor(context: Context) {
    this.#context = context
    this.#attempts = new Attempts((error) => context.reporter.warn(error))
    this.#others = new Others(context)
    this.#forced = new Promise((resolve) => {
      this.#force = resolve
    })
  }

  /**
   * Calls back when a drain without a successor begins, before anything else happens. The process does not
   * end before the listener's promise has resolved.
   */
  onBegin(listener: () => Promise<void>): void {
    this.#onBegin = listener
  }

  /** Whether zerodrop exits the process, instead of leaving that to an empty event loop. */
  get exits(): boolean {
    return this.#exits || this.#joined
  }

  /** Whether there is a drain that force() could cut short. */
  get canForce(): boolean {
    return this.#group !== undefined
  }

  /** Drains without a successor, or waits for the end that has begun. Never rejects. */
  shutdown(reason: string, settings: Settings = this.#context.settings): Promise<ShutdownResult> {
    this.#shutdownRequested = true
    return this.#result ?? this.#begin(reason, settings)
  }

  /**
   * `shutdown()` for callers that cannot exit themselves: it exits afterwards.
   * @param signal the signal with which other code's handlers are called before that; undefined for none
   */
  async shutdownAndExit(
    reason: string,
    settings: Settings,
    signal: NodeJS.Signals | undefined,
  ): Promise<void> {
    this.#exits = true
    this.#signal ??= signal
    // A worker that only drains continues: its primary still has to end it.
    this.#context.system.cluster.tellStopping()
    const result = await this.#attempts.wait('stopping', () => this.shutdown(reason, settings))
    if (this.#joined) return
    if (result !== undefined)
      this.#context.reporter.write(summarise(result), { ...result, cut: result.cut.length })
    await this.exit(result)
  }

  /**
   * Makes a handover the end of this process.
   * @param done rejects if the successor has died: then the process does not end, unless a shutdown was
   * requested in the meantime
   */
  join(group: DrainGroup, done: Promise<DrainResult>): void {
    this.#group = group
    this.#joined = true
    this.#result = done.then(
      (result) => ({ reason: 'restart', ...result }),
      (error) => {
        this.#result = undefined
        if (!this.#shutdownRequested) throw error
        return this.shutdown('restart')
      },
    )
    this.#result.catch(() => {})
  }

  /** The handover has failed: the process keeps serving. */
  leave(): void {
    this.#group = undefined
    this.#joined = false
    this.#others.unspareGroup()
  }

  /** Cuts the rest; the process exits with this status. */
  force(status: number): void {
    if (this.#forcedStatus === undefined) this.#nameAbandoned()
    this.#forcedStatus = status
    this.#force()
    this.#group?.force()
    this.#context.workers.force()
  }

  /**
   * Waits for the end of a drain and of the hooks.
   * @param told resolves when the hooks that were called at its beginning have run
   */
  async finish(group: DrainGroup, reason: string, told: Promise<void>): Promise<DrainResult> {
    const { datagrams, hooks, reporter, servingRole, state } = this.#context
    const attempts = this.#attempts
    const drained = await group.drained
    if (this.#joined) attempts.run('sparing the process group', () => this.#others.spareGroup())
    if (this.exits) attempts.run('deferring exits', () => this.#others.deferExits())
    const result =
      (await attempts.wait('waiting for cluster workers', () => this.#andWorkers(drained))) ?? drained
    const close = async (): Promise<void> => {
      await attempts.wait('ending UDP sockets', () => datagrams.end(state.current === 'handing-over'))
      const errors = await attempts.wait('waiting for the hooks of servers', () => group.done)
      for (const error of errors ?? []) reporter.warn(error)
      await told
      await this.#unbound
      await hooks.run('onShutdown', { reason, ...result })
    }
    await this.#unlessForced(close)
    attempts.run('giving up the pid file', () => servingRole.end())
    attempts.run('closing', () => state.to('closed'))
    reporter.tell('drain:complete', { milliseconds: result.milliseconds, cut: result.cut.length, result })
    return result
  }

  /** Waits for the workers of node:cluster, which must not outlive this process. */
  async #andWorkers(result: DrainResult): Promise<DrainResult> {
    const begun = this.#context.system.now()
    let total = result
    await this.#unlessForced(async () => {
      const { workers, failed, reset } = (await this.#workers) ?? { workers: 0, failed: 0, reset: 0 }
      if (workers === 0) return
      this.#workersFailed = failed > 0
      const text = `${workers} cluster workers ended, ${failed} of them with a failure`
      this.#context.reporter.write(text, { workers, failed })
      const milliseconds = result.milliseconds + this.#context.system.now() - begun
      total = { ...result, milliseconds, reset: result.reset + reset }
    })
    return total
  }

  /**
   * Ends the process when the last hooks have run, even if a step fails. Happens only once.
   * @param result undefined if the drain failed
   */
  exit(result: DrainResult | undefined): Promise<void> {
    this.#exiting ??= this.#exit(result)
    return this.#exiting
  }

  async #exit(result: DrainResult | undefined): Promise<void> {
    const { hooks, reporter, system } = this.#context
    const attempts = this.#attempts
    if (this.#joined) attempts.run('sparing the process group', () => this.#others.spareGroup())
    attempts.run('deferring exits', () => this.#others.deferExits())
    await attempts.wait('calling the handlers of others', () => this.#deliver())
    const own = result === undefined || result.cut.length > 0 || this.#workersFailed ? 1 : 0
    const status = (): number => (own === 0 ? this.#others.status : own)
    await this.#unlessForced(() => hooks.run('beforeExit', { status: status() }))
    const code = this.#forcedStatus ?? status()
    reporter.tell('exit', { code })
    if (this.#joined) await this.#lastTurn()
    system.exit(this.#forcedStatus ?? code)
  }

  /**
   * A restart signal that has arrived by now is still passed on to the successor. A later one is lost with
   * this process: the kernel accepts it, but no handler runs.
   */
  #lastTurn(): Promise<void> {
    return new Promise((resolve) => {
      afterTurn(this.#context.system, resolve)
    })
  }

  /** Calls other code's handlers, and waits for them, unless a signal ends the wait. */
  async #deliver(): Promise<void> {
    const signal = this.#signal ?? (this.#joined ? 'SIGTERM' : undefined)
    if (signal === undefined) return
    if (this.#forcedStatus !== undefined) this.#others.skip(signal)
    // Does not keep the process alive: it waits until nothing else does.
    else
      await Promise.race([
        this.#others.deliver(
          signal,
          (this.#group?.servers ?? []).map(({ server }) => server),
        ),
        this.#forced,
      ])
  }

  /**
   * Waits for the application, whose work may not keep the event loop alive, unless force() ends the wait.
   */
  async #unlessForced(work: () => Promise<void>): Promise<void> {
    if (this.#forcedStatus !== undefined) return
    const release = this.#context.system.hold()
    try {
      await Promise.race([work(), this.#forced])
    } finally {
      release()
    }
  }

  #nameAbandoned(): void {
    const { hooks, reporter } = this.#context
    for (const hook of [...hooks.awaited, ...this.#others.awaited])
      reporter.write(`a signal ended the wait for the ${hook}, which had not finished`, { hook }, 'warn')
  }

  /** Ends the process where it is. */
  abandon(status: number): void {
    const { reporter, servingRole, system } = this.#context
    if (this.#forcedStatus === undefined) this.#nameAbandoned()
    this.#attempts.run('giving up the pid file', () => servingRole.end())
    reporter.tell('exit', { code: status })
    system.exit(status)
  }

  /** Stores the promise before anything happens: a listener of the drain's beginning may call for another. */
  #begin(reason: string, settings: Settings): Promise<ShutdownResult> {
    let begin: (result: Promise<ShutdownResult>) => void = () => {}
    const ending = new Promise<ShutdownResult>((resolve) => {
      begin = resolve
    })
    this.#result = ending
    begin(this.#shutdown(reason, settings))
    return ending
  }

  async #shutdown(reason: string, settings: Settings): Promise<ShutdownResult> {
    const { drains, hooks, reporter, servers, state, workers } = this.#context
    const attempts = this.#attempts
    this.#unbound = attempts.wait('giving up a restart', () => this.#onBegin())
    attempts.run('beginning to drain', () => state.to('draining'))
    reporter.tell('drain:start', { reason })
    const told = hooks.run('onDrain', { reason })
    this.#workers = workers.stop(signalOf(reason), settings)
    this.#group = drains.start(servers.drainable, { settings, closeCode: 1001, migrates: () => false })
    const result = await this.finish(this.#group, reason, told)
    return { reason, ...result }
  }
}

/** The signal to send to the workers of node:cluster: the signal that this process got, if any. */
function signalOf(reason: string): NodeJS.Signals {
  return reason in constants.signals ? (reason as NodeJS.Signals) : 'SIGTERM'
}
