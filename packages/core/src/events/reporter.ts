import { Attempts } from '../errors/attempts.ts'
import { show } from '../errors/reason.ts'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import { emit, Events, type LifecycleEvents } from './events.ts'
import type { System } from '../system/system.ts'
import { lineOf, type LogLine } from './log-lines.ts'
import type { Level, Logger } from './logger.ts'

/** Gets each event before the listeners of `events` do. */
export type Witness = <Name extends keyof LifecycleEvents>(
  name: Name,
  payload: LifecycleEvents[Name][0],
) => void

/** Reports what happens: to the listeners of `events`, and in the log or on stderr. */
export class Reporter {
  readonly events: Events = new Events()
  readonly #system: System
  readonly #witnesses: Witness[] = []
  readonly #attempts = new Attempts((error) => this.#log(lineOf('warning', { error })))
  #asked: Logger | 'stderr' | false | undefined
  #framework: Logger | undefined

  constructor(system: System) {
    this.#system = system
  }

  /** The logger that the application has set, if any. */
  logTo(logger: Logger | 'stderr' | false | undefined): void {
    this.#asked = logger
  }

  /** The framework's logger, used unless the application sets one. The first one stays. */
  logToFramework(logger: Logger): void {
    this.#framework ??= logger
  }

  /** The parts of zerodrop that need each event, even if a listener of `events` fails. */
  addWitness(witness: Witness): void {
    this.#witnesses.push(witness)
  }

  tell<Name extends keyof LifecycleEvents>(name: Name, ...payload: LifecycleEvents[Name]): void {
    for (const witness of this.#witnesses)
      this.#attempts.run(`following "${name}"`, () => witness(name, payload[0]))
    emit(this.events, name, payload[0], (error) =>
      this.write(`${error.code}: ${error.message}`, { err: error }, 'warn'),
    )
    const line = lineOf(name, payload[0])
    this.#log(line)
  }

  /** Reports an error that no caller waits for. */
  warn(error: ZerodropError): void {
    this.tell('warning', { error })
  }

  restartFailed(error: ZerodropError): void {
    this.tell('restart:failed', { error })
  }

  /**
   * Writes a line for which there is no event.
   * @param fields for a structured log
   */
  write(text: string, fields: object = {}, level: Level = 'info'): void {
    this.#log({ level, text, fields, loud: true })
  }

  #log(line: LogLine | undefined): void {
    if (line === undefined) return
    const logger = this.#asked ?? this.#framework ?? 'stderr'
    if (logger === false) return
    if (logger === 'stderr') {
      if (line.loud) this.#toStderr(line.text)
      return
    }
    try {
      const logged: unknown = logger[line.level](line.fields, `zerodrop: ${line.text}`)
      // The promise of an async logger may reject, and no other code handles it.
      if (logged instanceof Object && 'then' in logged)
        Promise.resolve(logged).catch((error: unknown) => this.#onLoggerError(line, error))
    } catch (error) {
      this.#onLoggerError(line, error)
    }
  }

  #onLoggerError({ text }: LogLine, error: unknown): void {
    this.#toStderr(`${text} (the logger threw: ${show(error)})`)
  }

  #toStderr(text: string): void {
    this.#system.writeError(`[zerodrop] pid ${this.#system.pid}: ${text}`)
  }
}
