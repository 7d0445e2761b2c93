import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { DrainResult, MovedCounts, StayedConnection } from '../events/drain-report.ts'
import { message } from '../handover/protocol.ts'
import type { Successor } from '../handover/successor.ts'
import { becomesReady, spawnSuccessor } from '../handover/successor-start.ts'
import type { TicketKeys } from '../handover/protocol.ts'
import { ticketKeysOf } from '../handover/ticket-keys.ts'
import { isForeign, unreadable } from '../handover/unreadable.ts'
import type { Inheritance, InheritedListener } from '../listeners/inheritance.ts'
import type { Inheritable } from '../listeners/listeners.ts'
import { survivedSignals } from '../signals/signal-actions.ts'
import { protocolVersion } from '../system/boot.ts'
import { checkRestart } from './check-restart.ts'
import type { Context } from './context.ts'
import type { Ending } from './ending.ts'
import { HandOver } from './hand-over.ts'
import { provesItself } from '../handover/probation.ts'
import { successorEnvironment } from '../handover/successor-environment.ts'

/** How a restart went. */
export interface RestartResult extends DrainResult {
  /** The successor's process id. */
  readonly pid: number
  readonly generation: number
  /** How many listening sockets the successor inherited. */
  readonly listeners: number
  /** How many live connections it took over, of any kind. */
  readonly migrated: number
  /** How many it declined, such as those beyond its server's `maxConnections`: they were drained here. */
  readonly declined: number
  /** How many of them were WebSockets and event streams. */
  readonly live: MovedCounts
  /** The WebSockets and event streams that could not move, each with the reason. */
  readonly stayed: readonly StayedConnection[]
}

/** What a successor was given. */
interface Given {
  readonly servers: readonly Inheritable[]
  /** The sockets of these servers, and those that have no connections. */
  readonly sockets: readonly InheritedListener[]
}

/** Replaces this process by a successor, one attempt at a time. */
export class Restarts {
  readonly #context: Context
  readonly #ending: Ending
  readonly #generation: number
  readonly #predecessorGone: Promise<void> | undefined
  #current: Promise<RestartResult> | undefined
  #queued = false
  #abort = new AbortController()
  #successor: Successor | undefined
  #moving: HandOver | undefined

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

  /** How many connections the successor has taken over so far. */
  get moved(): number {
    return this.#moving?.moved ?? 0
  }

  /** How many of them were WebSockets and event streams. */
  get movedLive(): MovedCounts {
    return this.#moving?.live ?? { websockets: 0, streams: 0 }
  }

  /** Begins a restart; if one is under way does what `restartConcurrency` says. */
  restart(): Promise<RestartResult> {
    if (this.#current === undefined) return this.#begin()
    const { reporter, settings } = this.#context
    if (settings.restartConcurrency === 'reject') {
      const text =
        'This process is restarting already, and "restartConcurrency" is "reject". Ask again when that restart has ended.'
      const error = new ZerodropError('ERR_ZERODROP_RESTART_IN_PROGRESS', text)
      reporter.warn(error)
      return Promise.reject(error)
    }
    if (settings.restartConcurrency === 'queue') this.#queued = true
    return this.#current
  }

  /** Gives up the successor that has not taken over yet. Resolves when that ends without this process. Never rejects. */
  async abort(): Promise<void> {
    this.#queued = false
    this.#abort.abort()
    await this.#successor?.dismiss(this.#context.system)
  }

  #begin(): Promise<RestartResult> {
    const current = this.#restart().finally(() => {
      this.#current = undefined
      // Had it succeeded, the successor would have been told.
      if (this.#queued) void this.#begin()
    })
    this.#queued = false
    this.#current = current
    // Reported by then: a caller that does not look must not bring down a process that serves.
    current.catch(() => {})
    return current
  }

  async #restart(): Promise<RestartResult> {
    const { datagrams, listeners, reporter, state, system } = this.#context
    if (this.#predecessorGone !== undefined || this.#successor !== undefined) await this.#alone()
    const begun = system.now()
    let successor: Successor
    let given: Given
    try {
      const serving = this.#serving(listeners.inheritable) + datagrams.inheritable.length
      checkRestart(system.incapacity, state.current, serving)
      state.to('restarting')
      this.#abort = new AbortController()
      ;({ successor, given } = await this.#start())
      await this.#try(successor)
    } catch (error) {
      if (state.current === 'restarting') state.to('serving')
      reporter.restartFailed(error as ZerodropError)
      throw error
    }
    const { pid, generation } = successor
    const { handOver, result } = await this.#handOver(successor, given.servers)
    const { declined, live, moved, stayed } = handOver
    if (this.#queued) await successor.send(message({ type: 'restart' })).catch(() => {})
    this.#queued = false
    const cut = result.cut.length
    const milliseconds = system.now() - begun
    reporter.tell('restart:complete', {
      pid,
      generation,
      milliseconds,
      migrated: moved,
      declined,
      ...live,
      cut,
    })
    successor.sayEnded({ pid: system.pid, milliseconds: result.milliseconds, migrated: moved, cut })
    // This process ends when the handlers of others have left nothing in the event loop.
    successor.unref()
    // After those who wait for this promise have had their turn.
    system.setImmediate(() => void this.#ending.exit(result))
    const counts = { listeners: given.sockets.length, migrated: moved, declined, live, stayed }
    return { ...result, pid, generation, ...counts }
  }

  /** At most two generations live: the predecessor has to be gone, and a successor that was not to take over. */
  async #alone(): Promise<void> {
    const { settings, system } = this.#context
    await this.#predecessorGone
    await this.#successor?.ended(system, settings.drainTimeout)
  }

  /** How many of them are the application's: to hand on a health port alone would leave its clients behind. */
  #serving(inheritable: readonly Inheritable[]): number {
    const mortal = new Set(this.#context.servers.mortal)
    return inheritable.filter(({ server }) => mortal.has(server)).length
  }

  async #start(): Promise<{ successor: Successor; given: Given }> {
    const { datagrams, listeners, reporter, settings, system } = this.#context
    const { readyTimeout, manualReady, signals } = settings
    const abort = this.#abort.signal
    const generation = this.#generation + 1
    reporter.tell('restart:start', { generation })
    const begun = system.now()
    const made = successorEnvironment(system, settings.successorEnv, { readyTimeout, abort })
    const environment = made instanceof Promise ? await made : made
    // Not before: what closes meanwhile leaves the number of its descriptor to something else.
    const servers = listeners.inheritable
    const sockets = [...servers, ...datagrams.inheritable]
    const inheritance: Inheritance = {
      version: protocolVersion,
      generation,
      pid: system.pid,
      listeners: sockets.map(({ requested, bound, fd }) => ({ requested, bound, fd })),
      ticketKeys: ticketKeysOf(servers).length > 0,
      bootSignals: survivedSignals(signals),
      ...(readyTimeout !== Infinity && { readyTimeout }),
    }
    const ticketKeys = (): TicketKeys[] => ticketKeysOf(servers)
    const successor = await spawnSuccessor(system, inheritance, environment)
    this.#successor = successor
    warnOnce(reporter, successor)
    try {
      await becomesReady(system, successor, { readyTimeout, manualReady, begun, abort, ticketKeys })
    } catch (error) {
      void successor.dismiss(system)
      throw error
    }
    return { successor, given: { servers, sockets } }
  }

  /** This process serves until its hooks have run, and so does the successor if there is a probation. */
  async #try(successor: Successor): Promise<void> {
    const { hooks, reporter, settings, system } = this.#context
    const { pid, generation } = successor
    const abort = this.#abort.signal
    reporter.tell('restart:ready', { pid, generation })
    if (settings.probation > 0) successor.release('accept')
    try {
      await provesItself(system, successor, settings.probation, abort)
      await hooks.run('onRestart', { role: 'predecessor', generation: this.#generation, pid })
      abort.throwIfAborted()
    } catch (error) {
      void successor.dismiss(system)
      throw abort.aborted ? aborted(successor) : error
    }
  }

  async #handOver(
    successor: Successor,
    servers: readonly Inheritable[],
  ): Promise<{ handOver: HandOver; result: DrainResult }> {
    const { charge, reporter, state } = this.#context
    const { pid, generation } = successor
    state.to('handing-over')
    reporter.tell('restart:handing-over', { pid, generation })
    charge.pass()
    successor.release('serve')
    // What the application has closed since is not opened again if the successor dies.
    const listening = servers.filter(({ server }) => server.listening)
    const handOver = new HandOver(this.#context, successor, listening)
    this.#moving = handOver
    const done = this.#finish(handOver, successor)
    this.#ending.join(handOver.group, done)
    return { handOver, result: await done }
  }

  async #finish(handOver: HandOver, successor: Successor): Promise<DrainResult> {
    const { charge, hooks, listeners, reporter, state } = this.#context
    const told = hooks.run('onDrain', { reason: 'restart' })
    if ((await handOver.run()) === 'drained') return this.#ending.finish(handOver.group, 'restart', told)
    handOver.takeBack(listeners)
    this.#ending.leave()
    state.to('serving')
    charge.take()
    void hooks.run('onReady', { generation: this.#generation })
    const error = new ZerodropError(
      'ERR_ZERODROP_SUCCESSOR_EXITED',
      `The successor (generation ${successor.generation}, pid ${successor.pid}) ${successor.ending} after it was ready; ` +
        'see what it printed. This process has taken over again.',
    )
    reporter.restartFailed(error)
    throw error
  }
}

/** Tells of the first message of a successor that cannot be read. */
function warnOnce(reporter: Context['reporter'], successor: Successor): void {
  const release = successor.onUnreadable((value) => {
    if (isForeign(value)) return
    release()
    const error = unreadable(successor.name, value, 'It was ignored, and so are others like it.')
    if (error !== undefined) reporter.warn(error)
  })
}

function aborted({ generation, pid }: Successor): ZerodropError {
  return new ZerodropError(
    'ERR_ZERODROP_RESTART_ABORTED',
    `The successor (generation ${generation}, pid ${pid}) was told to stop before it took over: a shutdown came first.`,
  )
}
