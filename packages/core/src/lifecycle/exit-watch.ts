import { describeCut } from '../drain/cut.ts'
import { describeConnection } from '../events/describe-drain.ts'
import { ZerodropError } from '../errors/zerodrop-error.ts'
import type { CutConnection } from '../events/drain-report.ts'
import type { Release } from '../system/system.ts'
import type { Context } from './context.ts'
import type { State } from './state.ts'

/** How many of the requests that an exit has cut are named. */
const most = 10

/**
 * Reports when other code ends the process in the middle of a drain: other libraries have handlers on the
 * same signals, and some call `process.exit()` in them.
 */
export class ExitWatch {
  readonly #context: Context
  #release: Release | undefined
  #reason: string | undefined

  constructor(context: Context) {
    this.#context = context
  }

  /** Watches while the process drains, and only then. */
  update(state: State): void {
    const drains = state === 'draining' || state === 'handing-over'
    if (drains) this.#release ??= this.#context.system.onExit((...exit) => this.#onExit(...exit))
    if (drains) return
    this.#release?.()
    this.#release = undefined
  }

  /** A signal is about to end the process in the middle of a drain. */
  expect(signal: NodeJS.Signals): void {
    this.#reason = `another ${signal}`
  }

  #onExit(status: number, caller: string | undefined): number {
    const { drains, reporter, servers } = this.#context
    const before = (drains.progress?.servers ?? []).reduce((total, { tally }) => total + tally.cut.length, 0)
    const open = servers.drainable.reduce((total, { connections }) => total + connections.size, 0)
    const cut = this.#cut()
    const cutBefore = before === 0 ? '' : `, and ${before} cut before that`
    const left = `with ${count(open, 'connection')} open and something under way on ${cut.length}${cutBefore}`
    // 0 would mean success.
    const final = status === 0 && cut.length + before > 0 ? 1 : status
    if (this.#reason === undefined) reporter.warn(interrupted(caller, left, { status, final }))
    else reporter.write(`ended by ${this.#reason}, ${left}`)
    for (const each of cut.slice(0, most)) reporter.write(`cut by that: ${describeConnection(each)}`)
    return final
  }

  #cut(): CutConnection[] {
    const { servers, system } = this.#context
    const now = system.now()
    return servers.drainable
      .flatMap(({ connections }) => describeCut(connections, { now, began: () => now }))
      .map(({ age: _unknown, ...known }) => known)
  }
}

function interrupted(
  caller: string | undefined,
  left: string,
  { status, final }: { status: number; final: number },
): ZerodropError {
  const who = caller === undefined ? 'The process ended' : `process.exit() was called at ${caller}`
  const instead = final === status ? '' : `, not ${status}`
  return new ZerodropError(
    'ERR_ZERODROP_DRAIN_INTERRUPTED',
    `${who} in the middle of a drain, ${left}. The exit status is ${final}${instead}. ` +
      'Whatever ends the process at a signal has to leave that to zerodrop, or to wait for lifecycle.shutdown().',
  )
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
