import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { Reporter } from '../events/reporter.ts'
import type { SignalHandler, System } from '../system/system.ts'

/**
 * Calls other code's handlers of a signal, which zerodrop has held back until the last connection had ended,
 * and waits for their work.
 *
 * A handler is done when it has called `process.exit()`, has raised the signal again, or has thrown. It is
 * also done when it has only checked for other listeners and started no work: it leaves the end to them. For
 * the other handlers, the wait ends when nothing keeps the event loop alive, or when their time is over.
 * This includes a handler that has only set a flag or resolved a promise, because the program may be waiting
 * for that.
 */
export class Delivery {
  readonly #system: System
  readonly #reporter: Reporter
  readonly #signal: NodeJS.Signals
  readonly #running = new Set<SignalHandler>()
  readonly #caller = new AsyncLocalStorage<SignalHandler>()
  #finish: () => void = () => {}

  constructor(system: System, reporter: Reporter, signal: NodeJS.Signals) {
    this.#system = system
    this.#reporter = reporter
    this.#signal = signal
  }

  /** The names of the handlers that were called and are not done. */
  get running(): readonly string[] {
    return [...this.#running].map(({ name }) => name)
  }

  /** Never rejects: it reports an error that a handler throws. */
  async run(handlers: readonly SignalHandler[], milliseconds: number): Promise<void> {
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve
    })
    for (const handler of handlers) this.#running.add(handler)
    for (const handler of handlers) this.#call(handler)
    if (this.#running.size === 0 || milliseconds === 0) return
    const release = this.#system.whenIdle((idle) => {
      if (!idle) this.#reportLate(milliseconds)
      this.#finish()
    }, milliseconds)
    await finished
    release()
  }

  /**
   * Called where the process would have ended. Ends the wait for the handler that asked for that; a call
   * from outside all handlers counts for all of them.
   */
  onExit(): void {
    const handler = this.#caller.getStore()
    if (handler === undefined) this.#running.clear()
    else this.#running.delete(handler)
    if (this.#running.size === 0) this.#finish()
  }

  #call(handler: SignalHandler): void {
    let begins = false
    const hook = createHook({
      init() {
        begins = true
      },
    })
    try {
      const result = this.#caller.run(handler, () => {
        hook.enable()
        return handler.call()
      })
      hook.disable()
      if (isThenable(result)) result.then(undefined, (cause: unknown) => this.#onFailed(handler, cause))
      else if (handler.looked && !begins) this.#done(handler)
    } catch (cause) {
      hook.disable()
      this.#onFailed(handler, cause)
    }
  }

  #done(handler: SignalHandler): void {
    this.#running.delete(handler)
    if (this.#running.size === 0) this.#finish()
  }

  #onFailed(handler: SignalHandler, cause: unknown): void {
    const text =
      `The handler of ${this.#signal} "${handler.name}" failed, and zerodrop went on without it: ` +
      String((cause as Error | undefined)?.message ?? cause)
    this.#reporter.warn(new ZerodropError('ERR_ZERODROP_SIGNAL_FUNCTION_FAILED', text, { cause }))
    this.#done(handler)
  }

  #reportLate(milliseconds: number): void {
    const names = this.running.map((name) => `"${name}"`).join(', ')
    const text =
      `These handlers of ${this.#signal} had not ended the process within ${milliseconds} ms, something still kept the event loop ` +
      `alive, and zerodrop went on without them: ${names}. That may be a database pool that no onShutdown hook closes. A handler ` +
      'that does not end the process can be called at once instead ("hold" in docs/signals.md).'
    this.#reporter.warn(new ZerodropError('ERR_ZERODROP_HANDLERS_TIMEOUT', text))
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
