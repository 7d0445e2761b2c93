import { Attempts } from '../errors/attempts.ts'
import { show } from '../errors/reason.ts'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import { emit, Events, type LifecycleEvents } from './events.ts'
import type { System } from '../system/system.ts'
import { lineOf, type LogLine } from './log-lines.ts'
import type { Level, Logger } from './logger.ts'

/** Hears each event before anyone else does. */
export type Witness = <Name extends keyof LifecycleEvents>(
  name: Name,
  payload: LifecycleEvents[Name][0],
) => void

/** Tells what happens: those who listen to events, and in the log or on stderr the operator. */
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

  /** Where the operator reads, if the application says it. */
  logTo(logger: Logger | 'stderr' | false | undefined): void {
    this.#asked = logger
  }

  /** The log of a framework, which is used where the application says nothing. The first one stays. */
  logToFramework(logger: Logger): void {
    this.#framework ??= logger
  }

  /** The parts of zerodrop that have to know as well, whatever becomes of the listeners of `events`. */
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

  /** Something went wrong that no caller waits for. */
  warn(error: ZerodropError): void {
    this.tell('warning', { error })
  }

  restartFailed(error: ZerodropError): void {
    this.tell('restart:failed', { error })
  }

  /**
   * Says something for which there is no event.
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
      // That of an async function may reject, and nobody else looks at it.
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
