import type { FromKeeper } from '../system/keeper-protocol.ts'
import type { KeeperSystem } from '../system/keeper-system.ts'
import { Backoff } from './backoff.ts'
import { type Outcome, type Reply, revive } from './revival.ts'

export interface RecoveryOptions {
  /**
   * Starts a crashed generation again, with exponential back-off, and keeps its ports open in the meantime.
   * Otherwise the keeper exits with the generation's status.
   * @default false
   */
  readonly respawn: boolean
  /** How many crashes in a row end the keeper anyway. Infinity for no limit. */
  readonly maxCrashes: number
}

/** How a generation has ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The application, as far as its recovery needs it. */
export interface Application {
  /** Starts a generation without a predecessor. Rejects if it cannot be started. */
  start(): Promise<void>
  /** Sends a request to the serving generation. */
  ask(what: 'restart' | 'status'): Promise<Reply>
  /** Whether an end is no crash any more. */
  isStopping(): boolean
}

/** How much of a generation's output to repeat in an answer, in characters. */
const mostPrinted = 8000

/**
 * Starts a crashed application again after its back-off, and answers for it until a generation serves. Ends
 * the keeper after too many crashes in a row.
 */
export class Recovery {
  readonly #system: KeeperSystem
  readonly #maxCrashes: number
  readonly #application: Application
  readonly #backoff: Backoff
  /** How the generation that served last, or its replacement, has ended. */
  #exit: Exit = { code: null, signal: null }
  /** Whether a generation has been started after a crash, and none has served since. */
  #starting = false
  /** Ends the wait for the next start; undefined while none waits. */
  #startAgain: (() => void) | undefined
  /** When that wait ends by itself. */
  #startsAt = 0
  /** Who waits for the next start to succeed or fail. */
  readonly #awaited = new Set<(outcome: Outcome | undefined) => void>()
  /** The last output on stderr of a starting generation that somebody waits for. */
  #printed = ''

  constructor(system: KeeperSystem, maxCrashes: number, application: Application) {
    this.#system = system
    this.#maxCrashes = maxCrashes
    this.#application = application
    this.#backoff = new Backoff(system)
  }

  /** Whether somebody waits for the next start to succeed or fail. */
  get isAwaited(): boolean {
    return this.#awaited.size > 0
  }

  /** A starting generation has printed this to stderr. */
  printed(text: string): void {
    this.#printed = (this.#printed + text).slice(-mostPrinted)
  }

  /** A generation serves. */
  succeeded(pid: number): void {
    this.#starting = false
    this.#backoff.succeeded()
    this.#settle({ pid })
  }

  /**
   * The last generation has crashed, or could not be started.
   * @param error why it could not be started, if it could not
   */
  failed(exit: Exit, error?: string): void {
    this.#exit = exit
    const { code, signal } = exit
    const exited = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
    const how = `the application ${exited}`
    const crashes = this.#backoff.failed()
    const isLast = crashes >= this.#maxCrashes
    const delay = this.#backoff.delay
    const follows = isLast
      ? `that was crash ${crashes} in a row, so the keeper ends too`
      : `it starts again in ${delay} ms, and its ports stay open`
    this.#say(`${how}; ${follows}`)
    const isAwaited = this.isAwaited
    this.#settle({
      crash: `${error?.replace(/\.$/, '') ?? `T${how.slice(1)}`}; ${follows}.`,
      stderr: this.#printed,
    })
    // First the answers leave.
    if (isLast && isAwaited) this.#system.setTimeout(() => this.#end(), 0)
    else if (isLast) this.#end()
    else this.#startAfter(delay)
  }

  /** Ends the back-off: a deploy does not wait for it, since the code that crashed is not what starts. */
  startNow(): void {
    if (this.#startAgain === undefined) return
    this.#backoff.renew()
    this.#startAgain()
  }

  /**
   * Answers a request while no generation serves.
   * @param abort the program that asks no longer waits
   * @returns undefined if the application has not crashed, or does not start again
   */
  ask(what: (FromKeeper & { type: 'ask' })['what'], abort?: AbortSignal): Promise<Reply> | undefined {
    const waits = this.#startAgain !== undefined
    if (what === 'stop' || this.#application.isStopping() || !(this.#starting || waits)) return undefined
    if (what === 'status') return Promise.resolve({ result: this.#status() })
    const system = this.#system
    return revive(
      {
        waits,
        startNow: () => this.startNow(),
        outcome: (signal) => this.#outcome(signal),
        ask: (question) => this.#application.ask(question),
        setTimeout: (callback, milliseconds) => system.setTimeout(callback, milliseconds),
        now: () => system.now(),
      },
      abort,
    )
  }

  #status(): object {
    const waits = this.#startAgain !== undefined
    return {
      state: waits ? 'crashed' : 'starting',
      ready: false,
      keeper: this.#system.pid,
      crashes: this.#backoff.crashes,
      exit: this.#exit,
      ...(waits && { startsIn: Math.max(0, Math.round(this.#startsAt - this.#system.now())) }),
    }
  }

  #outcome(abort: AbortSignal | undefined): Promise<Outcome | undefined> {
    return new Promise((resolve) => {
      const settle = (outcome: Outcome | undefined): void => {
        this.#awaited.delete(settle)
        abort?.removeEventListener('abort', onAbort)
        resolve(outcome)
      }
      const onAbort = (): void => settle(undefined)
      this.#awaited.add(settle)
      abort?.addEventListener('abort', onAbort)
      if (abort?.aborted === true) onAbort()
    })
  }

  #settle(outcome: Outcome): void {
    for (const settle of this.#awaited) settle(outcome)
  }

  #startAfter(delay: number): void {
    const startAgain = (): void => {
      release()
      this.#startAgain = undefined
      if (this.#application.isStopping()) return this.#end()
      this.#starting = true
      this.#printed = ''
      this.#application.start().catch(({ message }: Error) => {
        this.#say(message)
        this.failed(this.#exit, message)
      })
    }
    const release = this.#system.setTimeout(startAgain, delay)
    this.#startsAt = this.#system.now() + delay
    this.#startAgain = startAgain
  }

  #end(): void {
    this.#system.endAs(this.#exit.code, this.#exit.signal)
  }

  #say(line: string): void {
    this.#system.writeError(`zerodrop: ${line}`)
  }
}
