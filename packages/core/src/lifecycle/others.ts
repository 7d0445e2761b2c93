import type { Server } from 'node:net'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { letCloseSucceed } from '../servers/server-close.ts'
import type { Release } from '../system/system.ts'
import type { Context } from './context.ts'
import { Delivery } from './delivery.ts'

/**
 * Handles how other code in this process takes part in its end: its signal handlers, and its calls of
 * `process.exit()`.
 */
export class Others {
  readonly #context: Context
  #delivery: Delivery | undefined
  #signal: NodeJS.Signals | undefined
  #status = 0
  #defers = false
  #release: Release | undefined
  #hasSpared = false

  constructor(context: Context) {
    this.#context = context
  }

  /**
   * The exit status with which other code would have ended the process: the first one that is not 0, or
   * `process.exitCode`.
   */
  get status(): number {
    return this.#status === 0 ? this.#context.system.exitStatus : this.#status
  }

  /** The names, as in reports, of the handlers that it waits for. */
  get awaited(): readonly string[] {
    return this.#delivery?.running.map((name) => `handler "${name}" of ${this.#signal}`) ?? []
  }

  /**
   * From here on no request is left to cut, and code that ends the process would only prevent hooks and
   * handlers from running: `server.close(() => process.exit(0))` does. Calling it again does nothing.
   */
  deferExits(): void {
    const { settings, system } = this.#context
    if (this.#defers || system.incapacity === 'worker-thread') return
    this.#defers = true
    const signals = Object.keys(settings.signals.reactions) as NodeJS.Signals[]
    // Not undone: the process ends.
    system.deferExit(
      signals,
      (status) => this.#onExit(status),
      (caller) => this.#reportCopy(caller),
    )
  }

  /**
   * From here on a signal to the process group of this process would end the process that took over, and the
   * keeper: a handler that ends its children by `process.kill(0, 'SIGTERM')` does that.
   */
  spareGroup(): void {
    const { settings, system } = this.#context
    if (system.incapacity === 'worker-thread') return
    this.#release ??= system.spareGroup((signal) => {
      this.#reportSpared(signal)
      if (signal === 'SIGKILL' || signal in settings.signals.reactions) this.#onExit(0)
    })
  }

  /** This process serves again, and its signals reach its group. */
  unspareGroup(): void {
    this.#release?.()
    this.#release = undefined
  }

  #onExit(status: number): void {
    if (this.#status === 0) this.#status = status
    this.#delivery?.onExit()
  }

  #reportSpared(signal: NodeJS.Signals): void {
    if (this.#hasSpared) return
    this.#hasSpared = true
    const text =
      `${signal} to the process group was not sent, because the process that took over is in that group. ` +
      'End child processes by their pids.'
    this.#context.reporter.write(text, { signal }, 'warn')
  }

  /** Before the hooks of a server and the `onShutdown` hooks have run, the exit watch reports more. */
  #reportCopy(caller: string): void {
    const { reporter, state } = this.#context
    if (state.current !== 'closed') return
    const text =
      `A copy of process.exit() was called at ${caller}, which zerodrop cannot hold back. The drain was over, but beforeExit ` +
      'hooks and handlers that had not finished did not run. Call process.exit() itself.'
    reporter.warn(new ZerodropError('ERR_ZERODROP_DRAIN_INTERRUPTED', text))
  }

  /**
   * Calls the handlers of a signal that have not run yet, and waits for their work.
   * @param servers the servers that they may close once more
   */
  async deliver(signal: NodeJS.Signals, servers: readonly Server[]): Promise<void> {
    const { reporter, settings, system } = this.#context
    const handlers = system.unheard(signal)
    if (handlers.length === 0) return
    for (const server of servers) letCloseSucceed(server)
    this.#signal = signal
    this.#delivery = new Delivery(system, reporter, signal)
    await this.#delivery.run(handlers, settings.handlersTimeout)
  }

  /** Says which handlers are not called because a signal ends the process first. */
  skip(signal: NodeJS.Signals): void {
    const { reporter, system } = this.#context
    const names = system.unheard(signal).map(({ name }) => `"${name}"`)
    if (names.length === 0) return
    const text = `a signal ended this process before its handlers of ${signal} were called: ${names.join(', ')}`
    reporter.write(text, { handlers: names }, 'warn')
  }
}
