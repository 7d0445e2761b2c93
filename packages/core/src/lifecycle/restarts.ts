import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { MovedCounts } from '../events/drain-report.ts'
import type { Context } from './context.ts'
import type { Ending } from './ending.ts'
import { RestartAttempt } from './restart-attempt.ts'
import type { RestartResult } from './restart-result.ts'

/**
 * An attempt that is not ready by this age, in milliseconds, is stuck if this process itself started faster.
 */
const stuckTimeout = 5000

/** How long a restart waits for the end of an earlier generation that has no deadline, in milliseconds. */
const unboundedTimeout = 10_000

/** How long it waits after the deadline of a generation that has one, for its hooks, in milliseconds. */
const endTimeout = 60_000

/** A requested restart that has not begun, because at most two generations run at a time. */
export interface WaitingRestart {
  /** The generation of the successor that it will start. */
  readonly generation: number
  /** Which processes have not ended yet: `the predecessor (pid 4711)`. */
  readonly waitingFor: readonly string[]
  /** How long it has waited so far. */
  readonly milliseconds: number
  /** Milliseconds until it begins anyway. */
  readonly timeLeft: number
}

/**
 * Replaces this process with a successor, one attempt at a time, and decides what to do with restarts that
 * are requested during an attempt.
 */
export class Restarts {
  readonly #context: Context
  readonly #ending: Ending
  readonly #generation: number
  #attempt: RestartAttempt | undefined
  #current: Promise<RestartResult> | undefined
  /** Whether one more restart follows the current one. */
  #follows = false
  /** How many attempts in a row were given up for a newer one. */
  #givenUp = 0
  /** How long this process took until it was ready. */
  #startTime = 0
  #saidStopping = false
  #waiting:
    | { readonly begun: number; readonly timeout: number; readonly last: RestartAttempt | undefined }
    | undefined

  /** @param generation of this process */
  constructor(context: Context, ending: Ending, generation: number) {
    this.#context = context
    this.#ending = ending
    this.#generation = generation
    context.reporter.addWitness((name) => {
      if (name === 'ready') this.#startTime = context.system.now()
    })
  }

  /** How many connections the successor has taken over so far. */
  get moved(): number {
    return this.#attempt?.moved ?? 0
  }

  /** How many of them were WebSockets and event streams. */
  get movedLive(): MovedCounts {
    return this.#attempt?.movedLive ?? { websockets: 0, streams: 0 }
  }

  /** Whether the successor has taken over, or takes over now. */
  get handsOver(): boolean {
    return this.#attempt?.handsOver === true
  }

  /** The requested restart that waits for an earlier generation to end, if any. */
  get waiting(): WaitingRestart | undefined {
    if (this.#waiting === undefined) return undefined
    const { predecessor, system } = this.#context
    const { begun, last, timeout } = this.#waiting
    const dismissed = last?.successor
    const waitingFor: string[] = []
    if (predecessor?.connected === true) waitingFor.push(`the predecessor (pid ${predecessor.pid})`)
    if (dismissed !== undefined && dismissed.exit === undefined)
      waitingFor.push(`a successor that was not to take over (pid ${dismissed.pid})`)
    const milliseconds = system.now() - begun
    const timeLeft = Math.max(0, timeout - milliseconds)
    return { generation: this.#generation + 1, waitingFor, milliseconds, timeLeft }
  }

  /**
   * Begins a restart; during another one it does what `restartConcurrency` says.
   * @param passedOn whether another generation got the request and passed it on
   */
  restart(passedOn = false): Promise<RestartResult> {
    const { settings } = this.#context
    if (!passedOn && settings.restartConcurrency === 'newest') this.#context.predecessor?.sendRestart()
    if (this.#current === undefined) return this.#begin()
    const { restartConcurrency } = settings
    if (restartConcurrency === 'reject') return this.#reject()
    const follows = restartConcurrency === 'queue' || this.#mayBeOld()
    if (!passedOn) this.#tell(follows)
    return quiet(follows ? this.#follow(this.#current) : this.#current)
  }

  /**
   * `restart()` for a signal or another generation, which cannot get a rejection. A process that stops
   * declines, and leaves the restart to the predecessor if there is one.
   * @returns undefined if it declines
   */
  ask(passedOn = false): Promise<RestartResult> | undefined {
    const { state } = this.#context
    const stops = state.current === 'draining' || (state.current === 'closed' && !this.handsOver)
    if (!stops) return this.restart(passedOn)
    this.#decline(passedOn)
    return undefined
  }

  /** `ask()`, which also reports the outcome to another process that waits for it. */
  askBySignal(): void {
    const asker = this.#context.system.waitingAsker()
    const outcome = this.ask()
    if (asker === undefined) return
    const declined = new ZerodropError(
      'ERR_ZERODROP_NOT_SERVING',
      'This process stops. Start the application anew.',
    )
    const told = outcome ?? quiet(Promise.reject(declined))
    told.then(
      (result) => asker.succeeded(result),
      (error: unknown) => asker.failed(error),
    )
  }

  /**
   * A stop signal to the pid that this process is about to keep for its successor asks the whole service to
   * end.
   */
  passOnStop(signal: NodeJS.Signals): void {
    this.#attempt?.passOn(signal)
  }

  /** Gives up the successor that has not taken over yet. Resolves when that ends without this process. Never rejects. */
  async abort(): Promise<void> {
    this.#follows = false
    await this.#attempt?.abort()
  }

  #begin(): Promise<RestartResult> {
    this.#follows = false
    const last = this.#attempt
    const attempt = new RestartAttempt(this.#context, this.#ending, {
      generation: this.#generation + 1,
      turn: (abort) => this.#alone(last, abort),
      onAsked: () => void this.ask(),
      onHandOver: () => {
        if (this.#follows) this.#passOn()
      },
    })
    this.#attempt = attempt
    this.#current = quiet(this.#settle(attempt.run()))
    return this.#current
  }

  /**
   * If the attempt fails, this process serves and begins the next one. Otherwise the successor knows of the
   * request.
   */
  async #settle(run: Promise<RestartResult>): Promise<RestartResult> {
    try {
      return await run
    } catch (error) {
      const { code } = error as ZerodropError
      this.#givenUp = code === 'ERR_ZERODROP_RESTART_SUPERSEDED' ? this.#givenUp + 1 : 0
      this.#current = undefined
      if (this.#follows) void this.#begin()
      throw error
    }
  }

  /** Whether the successor of the current attempt may have read older code. */
  #mayBeOld(): boolean {
    return this.#context.settings.restartConcurrency === 'newest' && this.#attempt?.spawns === true
  }

  /** One more restart follows: the successor performs it, or this process if the attempt fails. */
  async #follow(current: Promise<RestartResult>): Promise<RestartResult> {
    this.#follows = true
    const isNewest = this.#context.settings.restartConcurrency === 'newest'
    if (this.handsOver) this.#passOn()
    else if (isNewest)
      this.#attempt?.giveUpAt(Math.max(stuckTimeout, 2 * this.#startTime) * 2 ** this.#givenUp)
    try {
      return await current
    } catch (error) {
      if (this.#current === undefined) throw error
      return this.#current
    }
  }

  #passOn(): void {
    const successor = this.#attempt?.successor
    successor?.sendRestart().catch(() => {
      if (this.handsOver)
        this.#context.reporter.write(
          `asked to restart again, but generation ${successor.generation} (pid ${successor.pid}) has ended: signal the process that serves now`,
          { successor: successor.pid },
          'warn',
        )
    })
  }

  #tell(follows: boolean): void {
    const { generation } = this.#attempt as RestartAttempt
    this.#context.reporter.tell('restart:merged', { generation, follows })
  }

  #decline(passedOn: boolean): void {
    if (!passedOn && this.#context.predecessor?.sendRestart() === true) return
    if (this.#saidStopping) return
    this.#saidStopping = true
    this.#context.reporter.write('asked to restart, but this process stops: start the application again')
  }

  #reject(): Promise<never> {
    const text =
      'This process is restarting already, and "restartConcurrency" is "reject". Ask again when that restart has ended.'
    const error = new ZerodropError('ERR_ZERODROP_RESTART_IN_PROGRESS', text)
    this.#context.reporter.warn(error)
    return quiet(Promise.reject(error))
  }

  /**
   * Waits until the predecessor and any dismissed successor have ended: at most two generations run at a
   * time, unless a client keeps one of them beyond its time. The wait also ends when the attempt is given up.
   */
  #alone(last: RestartAttempt | undefined, abort: AbortSignal): Promise<void> | undefined {
    const { predecessor } = this.#context
    if (predecessor === undefined && last?.successor === undefined) return undefined
    const { reporter, settings, system } = this.#context
    const { drainTimeout } = settings
    const ended = Promise.all([predecessor?.gone, last?.successor?.ended(system, drainTimeout)])
    const bound = drainTimeout === Infinity ? unboundedTimeout : drainTimeout + endTimeout
    this.#waiting = { begun: system.now(), timeout: bound, last }
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waiting = undefined
        release()
        abort.removeEventListener('abort', end)
        resolve()
      }
      const release = system.setTimeout(() => {
        const generation = this.#generation + 1
        const text = `an earlier generation has not ended within ${bound} ms; generation ${generation} is started beside it`
        reporter.write(text, { milliseconds: bound, generation }, 'warn')
        end()
      }, bound)
      abort.addEventListener('abort', end)
      void ended.then(end)
    })
  }
}

/**
 * The failure has been reported by then: a caller that ignores the promise must not bring down a serving
 * process.
 */
function quiet<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {})
  return promise
}
