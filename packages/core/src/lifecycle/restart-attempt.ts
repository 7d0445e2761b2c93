import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { DrainResult, MovedCounts } from '../events/drain-report.ts'
import { abandoned, type Abandonment, notStarted } from '../handover/abandoned.ts'
import { waitForProbation } from '../handover/probation.ts'
import { hangTime, SignOfLife } from '../handover/sign-of-life.ts'
import type { Successor } from '../handover/successor.ts'
import type { Inheritable } from '../listeners/listener.ts'
import { afterTurn } from '../system/after-turn.ts'
import type { ComingKeeper, Release } from '../system/system.ts'
import { within } from '../system/within.ts'
import { checkRestart } from './check-restart.ts'
import type { Context } from './context.ts'
import type { Ending } from './ending.ts'
import { Retirement } from './retirement.ts'
import { keepPid } from './keep-pid.ts'
import type { RestartResult } from './restart-result.ts'
import { type StartedSuccessor, startSuccessor } from './start-successor.ts'

export interface AttemptOptions {
  /** The successor's generation. */
  readonly generation: number
  /** Resolves when this attempt may start its successor, or is given up. */
  readonly turn: (abort: AbortSignal) => Promise<void> | undefined
  /** Another restart was requested, in the successor or because it ended. */
  readonly onAsked: () => void
  /** The successor takes over. */
  readonly onHandOver: () => void
}

/** One attempt to replace this process with a successor. */
export class RestartAttempt {
  readonly generation: number
  readonly #context: Context
  readonly #ending: Ending
  readonly #options: AttemptOptions
  readonly #abort = new AbortController()
  #successor: Successor | undefined
  /** When its process was last spawned; undefined before that. */
  #spawned: number | undefined
  #retirement: Retirement | undefined
  #stopWatching: Release | undefined
  #life: SignOfLife | undefined
  #hung = false
  /** Whether this process becomes the keeper of the successor. */
  #keepsPid = false
  /** Signals that code in this process has sent to the process itself since the handover began. */
  readonly #ownKills: NodeJS.Signals[] = []
  /** Cancels the change into a keeper at the end of this process. */
  #endAsItself: Release = () => {}
  /** Whether it can still be given up for a newer one. */
  #provisional = true

  constructor(context: Context, ending: Ending, options: AttemptOptions) {
    this.#context = context
    this.#ending = ending
    this.#options = options
    this.generation = options.generation
  }

  /** Undefined until its process exists. */
  get successor(): Successor | undefined {
    return this.#successor
  }

  /**
   * Whether a process was spawned, which may read its code from then on: a restart requested before that
   * joins this one.
   */
  get spawns(): boolean {
    return this.#spawned !== undefined
  }

  /** Whether the successor has taken over, or takes over now. */
  get handsOver(): boolean {
    return this.#retirement !== undefined
  }

  /** How many connections the successor has taken over so far. */
  get moved(): number {
    return this.#retirement?.moved ?? 0
  }

  /** How many of them were WebSockets and event streams. */
  get movedLive(): MovedCounts {
    return this.#retirement?.live ?? { websockets: 0, streams: 0 }
  }

  /**
   * Passes a signal on to the successor if this process becomes its keeper: the signal was meant for the
   * service, unless code in this process has sent it.
   */
  passOn(signal: NodeJS.Signals): void {
    if (!this.#keepsPid || !this.handsOver) return
    const own = this.#ownKills.indexOf(signal)
    if (own >= 0) this.#ownKills.splice(own, 1)
    else this.#successor?.kill(signal)
  }

  /**
   * Gives the attempt up unless the successor takes over by this age, in milliseconds. Time that it spends
   * waiting for a CPU does not count: on a busy machine a successor is slow, not stuck.
   */
  giveUpAt(age: number): void {
    if (!this.#provisional || this.#stopWatching !== undefined || this.#spawned === undefined) return
    const { system } = this.#context
    const watch = (): void => {
      const waited = this.#successor === undefined ? undefined : system.processorWait(this.#successor.pid)
      const left = (this.#spawned ?? 0) + age + (waited ?? 0) - system.now()
      if (left > 0) this.#stopWatching = system.setTimeout(watch, left)
      // This process may have been blocked itself: the message `ready` may be waiting to be read.
      else this.#stopWatching = afterTurn(system, () => this.#abandon('newer'))
    }
    watch()
  }

  /**
   * Gives up a successor that has not taken over yet. Resolves when it ends without this process. Never
   * rejects.
   */
  async abort(): Promise<void> {
    this.#abandon('shutdown')
    await this.#successor?.dismiss(this.#context.system)
  }

  /**
   * Resolves when a predecessor that becomes the keeper has done so or has died, or when the wait is over.
   */
  async #keeperThere({ arrived }: ComingKeeper): Promise<void> {
    const none = (): undefined => undefined
    const limits = { timeout: Infinity, onTimeout: none, abort: this.#abort.signal, onAbort: none }
    await within<unknown>(this.#context.system, arrived, limits)
  }

  /**
   * Rejects, after it has reported the failure, if this process keeps serving. Otherwise the process is
   * about to exit.
   */
  async run(): Promise<RestartResult> {
    const { datagrams, listeners, reporter, state, system } = this.#context
    const turn = this.#options.turn(this.#abort.signal)
    if (turn !== undefined) await turn
    if (system.comingKeeper !== undefined) await this.#keeperThere(system.comingKeeper)
    const begun = system.now()
    let started: StartedSuccessor
    try {
      if (this.#abort.signal.aborted) throw notStarted(this.generation)
      const serving = this.#serving(listeners.inheritable) + datagrams.inheritable.length
      checkRestart(system.incapacity, state.current, serving, this.#context.workers.size)
      state.to('restarting')
      const keeping = keepPid(this.#context)
      this.#keepsPid = keeping !== undefined && (await keeping)
      if (this.#abort.signal.aborted) throw notStarted(this.generation)
      started = await this.#start()
      await this.#try(started.successor)
    } catch (error) {
      if (state.current === 'restarting') state.to('serving')
      reporter.restartFailed(error as ZerodropError)
      this.#life?.dispose()
      throw error
    } finally {
      this.#provisional = false
      this.#stopWatching?.()
    }
    const { successor, sockets } = started
    const retirement = this.#takeLeave(started)
    const result = await this.#end(retirement, successor)
    const { pid, generation } = successor
    const { declined, live, moved: migrated, stayed } = retirement
    const cut = result.cut.length
    const milliseconds = system.now() - begun
    reporter.tell('restart:complete', { pid, generation, milliseconds, migrated, declined, ...live, cut })
    successor.sendEnded({ pid: system.pid, milliseconds: result.milliseconds, migrated, cut })
    // This process ends when other code's handlers have left nothing in the event loop.
    successor.unref()
    // After the callbacks of this promise have run.
    system.setImmediate(() => void this.#ending.exit(result))
    return { ...result, pid, generation, listeners: sockets.length, migrated, declined, live, stayed }
  }

  #abandon(why: Abandonment): void {
    this.#abort.abort(why)
  }

  /**
   * How many of them are the application's: handing over only a health port would leave its clients behind.
   */
  #serving(inheritable: readonly Inheritable[]): number {
    const { servers } = this.#context
    return inheritable.filter(({ server }) => servers.get(server)?.exempt === false).length
  }

  #start(): Promise<StartedSuccessor> {
    const { settings, system } = this.#context
    const { onAsked } = this.#options
    return startSuccessor(this.#context, {
      generation: this.generation,
      abort: this.#abort.signal,
      onSpawning: () => {
        this.#spawned = system.now()
      },
      isKept: this.#keepsPid,
      onSpawned: (successor) => {
        this.#successor = successor
        successor.on('restart', onAsked)
        successor.on('signal', ({ name }) => {
          if (settings.signals.reactions[name as NodeJS.Signals]?.action === 'restart') onAsked()
        })
      },
    })
  }

  /** This process serves until its hooks have run, and so does the successor if there is a probation. */
  async #try(successor: Successor): Promise<void> {
    const { hooks, reporter, settings, system } = this.#context
    const { pid, generation } = successor
    const abort = this.#abort.signal
    reporter.tell('restart:ready', { pid, generation })
    if (settings.probation > 0) successor.sendAccept()
    this.#watch(successor)
    try {
      if (this.#keepsPid) await this.#checkAwaited(successor)
      await waitForProbation(system, successor, settings.probation, abort)
      // The hooks give up resources for this successor.
      this.#provisional = false
      this.#stopWatching?.()
      await hooks.run('onRestart', { role: 'predecessor', generation: generation - 1, pid })
      abort.throwIfAborted()
    } catch (error) {
      void successor.dismiss(system)
      if (this.#hung) throw this.#hungError(successor, 'This process goes on serving.')
      throw abort.aborted ? abandoned(successor.name, abort.reason as Abandonment, true) : error
    }
  }

  async #checkAwaited({ name }: Successor): Promise<void> {
    try {
      await this.#context.system.pidKeeping.isAwaited()
    } catch (cause) {
      throw new ZerodropError(
        'ERR_ZERODROP_KEEPER_UNAVAILABLE',
        `${name} does not wait for this process to become its keeper: ${(cause as Error).message}. It may have a version of ` +
          'zerodrop that cannot. This process goes on serving. Start the server again, or with "zerodrop run".',
        { cause },
      )
    }
  }

  /** From `ready` on, a successor that hangs has failed. */
  #watch(successor: Successor): SignOfLife {
    if (this.#life !== undefined) return this.#life
    const life = new SignOfLife(this.#context.system, successor)
    this.#life = life
    void life.lost.then(() => {
      this.#hung = true
      successor.kill()
    })
    return life
  }

  #hungError({ name }: Successor, consequence: string): ZerodropError {
    const text = `${name} was ready, then took nothing and answered nothing for ${hangTime} ms, and was killed. ${consequence}`
    return new ZerodropError('ERR_ZERODROP_SUCCESSOR_HUNG', text)
  }

  #takeLeave({ successor, servers }: StartedSuccessor): Retirement {
    const { predecessor, reporter, servingRole, state, system } = this.#context
    const { pid, generation } = successor
    state.to('handing-over')
    if (this.#keepsPid) this.#beginToKeep(generation)
    reporter.tell('restart:handing-over', { pid, generation })
    servingRole.pass()
    successor.sendServe()
    if (system.parent !== undefined) {
      successor.sendParent(system.parent.stopReading())
    }
    // A predecessor that still drains must not treat the end of this process as a failure.
    predecessor?.sendStopping()
    // A server that the application has closed since is not opened again if the successor dies.
    const listening = servers.filter(({ server }) => server.listening)
    this.#retirement = new Retirement(this.#context, successor, listening)
    this.#options.onHandOver()
    return this.#retirement
  }

  #beginToKeep(generation: number): void {
    const { system } = this.#context
    const releases = [
      system.pidKeeping.begin(generation),
      system.onOwnKill((signal) => void this.#ownKills.push(signal)),
    ]
    this.#endAsItself = () => {
      for (const release of releases) release()
    }
  }

  #end(retirement: Retirement, successor: Successor): Promise<DrainResult> {
    const done = this.#finish(retirement, successor)
    this.#ending.join(retirement.group, done)
    return done
  }

  async #finish(retirement: Retirement, successor: Successor): Promise<DrainResult> {
    const { hooks, listeners, reporter, servingRole, state, system } = this.#context
    const told = hooks.run('onDrain', { reason: 'restart' })
    if ((await retirement.run(this.#watch(successor))) === 'drained')
      return this.#ending.finish(retirement.group, 'restart', told)
    this.#retirement = undefined
    this.#endAsItself()
    retirement.takeBack(listeners)
    system.parent?.read()
    this.#ending.leave()
    state.to('serving')
    servingRole.take()
    void hooks.run('onReady', { generation: this.generation - 1 })
    const consequence = 'This process has taken over again.'
    const error = this.#hung
      ? this.#hungError(successor, consequence)
      : new ZerodropError(
          'ERR_ZERODROP_SUCCESSOR_EXITED',
          `${successor.name} ${successor.ending} after it was ready; see what it printed. ${consequence}`,
        )
    reporter.restartFailed(error)
    throw error
  }
}
