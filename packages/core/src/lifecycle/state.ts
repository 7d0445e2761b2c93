import { ZerodropError } from '../errors/zerodrop-error.ts'

/**
 * The state of the process.
 *
 * - `starting`: nothing listens yet, or no longer because the application closed its last server.
 *   Next: `serving`, `draining`.
 * - `serving`: at least one server listens. Next: `restarting`, `draining`, `starting`.
 * - `restarting`: a successor is being started; this process serves as before.
 *   Next: `serving` (it failed), `handing-over` (it is ready), `draining` (a shutdown came first).
 * - `handing-over`: the successor accepts; connections move to it, the rest is drained.
 *   Next: `closed`, `serving` (the successor died, and this process has taken over again).
 * - `draining`: a stop without a successor. Next: `closed`.
 * - `closed`: every connection has ended. The last state.
 */
export type State = 'starting' | 'serving' | 'restarting' | 'handing-over' | 'draining' | 'closed'

const legalSteps: Readonly<Record<State, readonly State[]>> = {
  starting: ['serving', 'draining'],
  serving: ['restarting', 'draining', 'starting'],
  restarting: ['serving', 'handing-over', 'draining'],
  'handing-over': ['closed', 'serving'],
  draining: ['closed'],
  closed: [],
}

/**
 * Checks a step.
 * @throws `ERR_ZERODROP_ILLEGAL_STEP`
 */
export function step(from: State, to: State): State {
  if (legalSteps[from].includes(to)) return to
  throw new ZerodropError(
    'ERR_ZERODROP_ILLEGAL_STEP',
    `The lifecycle cannot go from "${from}" to "${to}". This is a bug in zerodrop: please report it.`,
  )
}

/** Holds the state of a process, and notifies listeners of each step. */
export class StateMachine {
  #current: State = 'starting'
  readonly #listeners: ((state: State) => void)[] = []

  get current(): State {
    return this.#current
  }

  /** Calls back after each step, in the order in which listeners were added. */
  onStep(listener: (state: State) => void): void {
    this.#listeners.push(listener)
  }

  /** @throws `ERR_ZERODROP_ILLEGAL_STEP` */
  to(state: State): void {
    this.#current = step(this.#current, state)
    for (const listener of this.#listeners) listener(state)
  }
}
