import type { ErrorCode } from '../errors/zerodrop-error.ts'
import type { LifecycleEvents } from '../events/events.ts'
import type { System } from '../system/system.ts'
import type { Reporter } from '../events/reporter.ts'

/** A restart of this process, or the restart that created it, and the outcome. */
export interface RestartRecord {
  /** When the attempt began. */
  readonly startedAt: Date
  /** The successor's generation; undefined if the attempt was refused before it started one. */
  readonly generation: number | undefined
  /** The outcome; `'handing-over'` from the moment when the successor is ready. */
  readonly result: 'starting' | 'handing-over' | 'complete' | 'failed'
  /** How long it took, or has taken so far, in milliseconds. */
  readonly milliseconds: number
  /** Why it failed. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | undefined
}

/** The result of the last drain. */
export interface DrainRecord {
  /** How long it took, in milliseconds. */
  readonly milliseconds: number
  /** How many requests and connections were cut. */
  readonly cut: number
}

interface Restart {
  readonly begun: number
  readonly generation: number | undefined
  ended?: number
  result: RestartRecord['result']
  error: RestartRecord['error']
}

type Handlers = { readonly [Name in keyof LifecycleEvents]?: (payload: LifecycleEvents[Name][0]) => void }

/** Remembers events. It counts no requests, and connections only if they move or are cut. */
export class History {
  readonly #system: System
  #readyAt: number | undefined
  #generation: number | undefined
  #restart: Restart | undefined
  #failedRestarts = 0
  #cut = 0
  #lastDrain: DrainRecord | undefined

  constructor(system: System, reporter: Reporter) {
    this.#system = system
    const handlers = this.#handlers()
    reporter.addWitness((name, payload) => {
      ;(handlers[name] as ((payload: unknown) => void) | undefined)?.(payload)
    })
  }

  /** When the process started. */
  get startedAt(): Date {
    return date(0)
  }

  /** When the process became ready. */
  get readyAt(): Date | undefined {
    return this.#readyAt === undefined ? undefined : date(this.#readyAt)
  }

  get lastRestart(): RestartRecord | undefined {
    if (this.#restart === undefined) return undefined
    const { begun, ended = this.#system.now(), generation, result, error } = this.#restart
    return { startedAt: date(begun), generation, result, milliseconds: ended - begun, error }
  }

  /** How many restarts of this process have failed. */
  get failedRestarts(): number {
    return this.#failedRestarts
  }

  /** The predecessor's drain; once this process has drained, its own. */
  get lastDrain(): DrainRecord | undefined {
    return this.#lastDrain
  }

  /** How many requests and connections were cut, here and in the predecessor's drain. */
  get cut(): number {
    return this.#cut
  }

  #handlers(): Handlers {
    return {
      ready: ({ generation }) => {
        this.#readyAt = this.#system.now()
        this.#generation = generation
      },
      'connection:cut': () => {
        this.#cut++
      },
      'drain:complete': ({ milliseconds, cut }) => {
        this.#lastDrain = { milliseconds, cut }
      },
      'predecessor:ended': ({ milliseconds, cut }) => {
        this.#lastDrain = { milliseconds, cut }
        this.#cut += cut
        // Of the restart that created this process, it only knows its own part: from its start on.
        const inherited = { begun: 0, generation: this.#generation, ended: this.#system.now() }
        this.#restart ??= { ...inherited, result: 'complete', error: undefined }
      },
      'restart:start': ({ generation }) => {
        this.#restart = { begun: this.#system.now(), generation, result: 'starting', error: undefined }
      },
      'restart:ready': () => {
        if (this.#restart !== undefined) this.#restart.result = 'handing-over'
      },
      'restart:complete': () => this.#end('complete'),
      'restart:failed': ({ error: { code, message } }) => {
        this.#failedRestarts++
        this.#end('failed', { code, message })
      },
    }
  }

  #end(result: 'complete' | 'failed', error?: RestartRecord['error']): void {
    const now = this.#system.now()
    const current = this.#restart?.ended === undefined ? this.#restart : undefined
    const { begun, generation } = current ?? { begun: now, generation: undefined }
    this.#restart = { begun, generation, ended: now, result, error }
  }
}

function date(sinceStart: number): Date {
  return new Date(performance.timeOrigin + sinceStart)
}
