import { StreamFailure } from './clients/h2.ts'
import { NothingToJudge } from './situations/situation.ts'
import type { Situation } from './situations/situation.ts'
import type { Stage } from './stage.ts'
import { ConnectionGone, ConnectionRefused, LostRequest } from './traffic.ts'
import type { Fault } from './verdict.ts'

export interface Acted {
  /** Why the situation could not be judged. */
  readonly skipped?: string
  /** Faults of clients that failed before the event. */
  readonly faults: readonly Fault[]
}

/** Plays a situation to its end, then closes its clients. */
export async function act(situation: Situation, stage: Stage): Promise<Acted> {
  try {
    await situation.act(stage)
    return { faults: [] }
  } catch (error) {
    if (error instanceof NothingToJudge) return { skipped: error.message, faults: [] }
    if (!isOfTheServer(error)) throw error
    const early = stage.ledger.eventAt === undefined
    const saw = `a client got no response${early ? ' before the event' : ''} (${(error as Error).message})`
    return { faults: [{ kind: 'down', saw, ...(early && { early }) }] }
  } finally {
    await stage.clear()
  }
}

function isOfTheServer(error: unknown): boolean {
  return [ConnectionGone, ConnectionRefused, LostRequest, StreamFailure].some((kind) => error instanceof kind)
}
