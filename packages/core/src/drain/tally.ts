import type { CutConnection } from '../events/drain-report.ts'

/** Whether a request was under way when the drain began, or has arrived since. */
export type Arrival = 'finished' | 'served'

/**
 * How the requests of one server end while it drains. It balances: what was under way and what arrived is as much as what
 * has ended and what is still open.
 */
export class Tally {
  /** Requests that were under way when the drain began. */
  begun = 0
  /** Requests that arrived after that. */
  arrived = 0
  finished = 0
  served = 0
  refused = 0
  /** Requests whose client has left before the answer was whole. */
  left = 0
  /** Requests whose responses, streams of events, go on in a successor. */
  moved = 0
  /** Requests that were cut. `cut` names connections too on which no request was under way, such as WebSockets. */
  cutRequests = 0
  readonly cut: CutConnection[] = []
  readonly #onCut: (connection: CutConnection, forced: boolean) => void

  /** @param onCut told of each that is not part of what `ServerDrain.force()` returns */
  constructor(onCut: (connection: CutConnection, forced: boolean) => void) {
    this.#onCut = onCut
  }

  open(arrival: Arrival): void {
    if (arrival === 'finished') this.begun++
    else this.arrived++
  }

  /** Something was ended before its time. */
  addCut(connection: CutConnection, forced = false): void {
    this.cut.push(connection)
    this.#onCut(connection, forced)
  }
}
