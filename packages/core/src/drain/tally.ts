import type { CutConnection } from '../events/drain-report.ts'

/** Whether a request was in flight when the drain began or has arrived since. */
export type Arrival = 'finished' | 'served'

/**
 * Counts how the requests of one server end while it drains. The counts balance: requests in flight at the
 * beginning plus requests that arrived equal the requests that have ended plus those still open.
 */
export class Tally {
  /** Requests that were in flight when the drain began. */
  begun = 0
  /** Requests that arrived after that. */
  arrived = 0
  finished = 0
  served = 0
  refused = 0
  /** Requests whose client has left before the response was complete. */
  left = 0
  /** Requests whose responses are event streams that continue in a successor. */
  moved = 0
  /** Requests that were cut. `cut` also lists connections without a request in flight, such as WebSockets. */
  cutRequests = 0
  readonly cut: CutConnection[] = []
  readonly #onCut: (connection: CutConnection, forced: boolean) => void

  /** @param onCut called for each cut that `ServerDrain.force()` does not return */
  constructor(onCut: (connection: CutConnection, forced: boolean) => void) {
    this.#onCut = onCut
  }

  open(arrival: Arrival): void {
    if (arrival === 'finished') this.begun++
    else this.arrived++
  }

  /** Counts a request or connection that was ended early. */
  addCut(connection: CutConnection, forced = false): void {
    this.cut.push(connection)
    this.#onCut(connection, forced)
  }
}
