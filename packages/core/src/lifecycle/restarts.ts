import type { DrainResult } from '../drain/report.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import { type Successor, startSuccessor } from '../handover/successor.ts'
import type { Inheritance } from '../listeners/inheritance.ts'
import type { Inheritable } from '../listeners/listeners.ts'
import { checkRestart } from './check-restart.ts'
import type { Context } from './context.ts'
import type { Ending } from './ending.ts'
import { HandOver } from './hand-over.ts'

/** How a restart went. */
export interface RestartResult extends DrainResult {
  /** The successor's process id. */
  readonly pid: number
  readonly generation: number
  /** How many listening sockets the successor inherited. */
  readonly listeners: number
  /** How many live connections it took over. */
  readonly migrated: number
}

/** Replaces this process by a successor, one attempt at a time. */
export class Restarts {
  readonly #context: Context
  readonly #ending: Ending
  readonly #generation: number
  readonly #predecessorGone: Promise<void> | undefined
  #current: Promise<RestartResult> | undefined
  #abort = new AbortController()

  /**
   * @param generation of this process
   * @param predecessorGone when the process that started this one has ended; undefined if none did
   */
  constructor(
    context: Context,
    ending: Ending,
    generation: number,
    predecessorGone: Promise<void> | undefined,
  ) {
    this.#context = context
    this.#ending = ending
    this.#generation = generation
    this.#predecessorGone = predecessorGone
  }

  /** Begins a restart, or joins the one that is under way. */
  restart(): Promise<RestartResult> {
    if (this.#current === undefined) {
      this.#current = this.#restart().finally(() => {
        this.#current = undefined
      })
      // Reported by then: a caller that does not look must not bring down a process that serves.
      this.#current.catch(() => {})
    }
    return this.#current
  }

  /** Gives up the successor that is not ready yet. */
  abort(): void {
    this.#abort.abort()
  }

  async #restart(): Promise<RestartResult> {
    const { listeners, reporter, state, system } = this.#context
    // At most two generations live: this one's predecessor has to be gone first.
    if (this.#predecessorGone !== undefined) await this.#predecessorGone
    const { inheritable } = listeners
    let successor: Successor
    try {
      checkRestart(system.incapacity, state.current, inheritable.length)
      state.to('restarting')
      successor = await this.#start(inheritable)
    } catch (error) {
      if (state.current === 'restarting') state.to('serving')
      reporter.restartFailed(error as ZerodropError)
      throw error
    }
    const { pid, generation } = successor
    const { moved, result } = await this.#handOver(successor, inheritable)
    // After those who wait for this promise have had their turn.
    system.setImmediate(() => this.#ending.exit(result))
    return { ...result, pid, generation, listeners: inheritable.length, migrated: moved }
  }

  #start(inheritable: readonly Inheritable[]): Promise<Successor> {
    const { reporter, settings, system } = this.#context
    this.#abort = new AbortController()
    const generation = this.#generation + 1
    reporter.tell('restart:start', { generation })
    const inheritance: Inheritance = {
      version: 1,
      generation,
      listeners: inheritable.map(({ requested, bound, fd }) => ({ requested, bound, fd })),
    }
    const { readyTimeout } = settings
    return startSuccessor(system, inheritance, { readyTimeout, abort: this.#abort.signal })
  }

  async #handOver(
    successor: Successor,
    inheritable: readonly Inheritable[],
  ): Promise<{ moved: number; result: DrainResult }> {
    const { reporter, state } = this.#context
    const { pid, generation } = successor
    state.to('handing-over')
    reporter.tell('restart:ready', { pid, generation })
    const handOver = new HandOver(this.#context, successor, inheritable)
    const done = this.#finish(handOver, successor)
    this.#ending.join(handOver.group, done)
    return { result: await done, moved: handOver.moved }
  }

  async #finish(handOver: HandOver, { pid, generation }: Successor): Promise<DrainResult> {
    const { listeners, reporter, state } = this.#context
    if ((await handOver.run()) === 'drained') return this.#ending.finish(handOver.group)
    handOver.takeBack(listeners)
    this.#ending.leave()
    state.to('serving')
    const error = new ZerodropError(
      'ERR_ZERODROP_SUCCESSOR_EXITED',
      `The successor (generation ${generation}, pid ${pid}) died after it was ready. ` +
        'This process has taken over again; what the successor printed above says why.',
    )
    reporter.restartFailed(error)
    throw error
  }
}
