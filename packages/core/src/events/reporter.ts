import { inspect } from 'node:util'
import type { ZerodropError } from '../errors/zerodrop-error.ts'
import { Events, type LifecycleEvents } from './events.ts'
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
    for (const witness of this.#witnesses) witness(name, payload[0])
    this.events.tell(name, payload[0], (error) =>
      this.write(`${error.code}: ${error.message}`, { err: error }, 'warn'),
    )
    const line = lineOf(name, payload[0])
    if (line !== undefined) this.#log(line)
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

  #log(line: LogLine): void {
    const logger = this.#asked ?? this.#framework ?? 'stderr'
    if (logger === false) return
    if (logger === 'stderr') {
      if (line.loud) this.#toStderr(line.text)
      return
    }
    try {
      logger[line.level](line.fields, `zerodrop: ${line.text}`)
    } catch (error) {
      this.#toStderr(`${line.text} (the logger threw: ${inspect(error, { depth: 0 })})`)
    }
  }

  #toStderr(text: string): void {
    this.#system.writeError(`[zerodrop] pid ${this.#system.pid}: ${text}`)
  }
}
