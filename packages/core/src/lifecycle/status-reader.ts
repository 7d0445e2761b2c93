import type { Arrivals } from '../handover/arrivals.ts'
import type { LiveArrivals } from '../handover/live/live-arrivals.ts'
import type { Context } from './context.ts'
import type { History } from './history.ts'
import type { Readiness } from './readiness.ts'
import type { Restarts } from './restarts.ts'
import { describeStatus, type Status, statusOf } from './status.ts'

export interface StatusParts {
  readonly generation: number
  readonly readiness: Readiness
  readonly history: History
  readonly arrivals: Arrivals
  readonly liveArrivals: LiveArrivals
  readonly restarts: Restarts
  readonly isInherited: (address: string | undefined) => boolean
}

/** Computes the status of the process on demand. */
export class StatusReader {
  readonly #context: Context
  readonly #parts: StatusParts

  constructor(context: Context, parts: StatusParts) {
    this.#context = context
    this.#parts = parts
  }

  read(): Status {
    const { generation, history, isInherited, readiness, restarts } = this.#parts
    const { isReady: ready } = readiness
    const { waiting: waitingRestart } = restarts
    return statusOf(this.#context, {
      generation,
      history,
      isInherited,
      ready,
      waitingRestart,
      migrated: this.#migrated(),
    })
  }

  /** Writes the status in lines of text to the log, or to stderr if there is no logger. */
  dump(): void {
    const status = this.read()
    for (const line of describeStatus(status)) this.#context.reporter.write(line, { status })
  }

  #migrated(): Status['migrated'] {
    const { arrivals, liveArrivals, restarts } = this.#parts
    const received = liveArrivals.taken
    const sent = restarts.movedLive
    return {
      received: arrivals.taken + received.websockets + received.streams,
      sent: restarts.moved,
      websockets: { received: received.websockets, sent: sent.websockets },
      streams: { received: received.streams, sent: sent.streams },
    }
  }
}
