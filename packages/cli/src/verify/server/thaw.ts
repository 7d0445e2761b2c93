import { until } from '../until.ts'
import { send } from './family.ts'
import { activityOf, pendingSignals } from './proc.ts'
import type { Running } from './running.ts'

/** In milliseconds. A process that got the signal may be busy for longer. */
const AHEAD = 5000

/**
 * Continues a paused server. The processes that have got the signal continue first, and the others when those sleep again: a
 * master passes the signal on to its workers, and otherwise it would be chance whether a worker has read a request by then.
 */
export async function thaw(
  server: Pick<Running, 'members' | 'thaw'>,
  signalled: readonly number[],
): Promise<void> {
  if (signalled.length > 0 && server.members().length > signalled.length) {
    for (const pid of signalled) send(pid, 'SIGCONT')
    let before = ''
    await until(() => {
      const activities = signalled.map((pid) => (pendingSignals(pid) === 0n ? activityOf(pid) : undefined))
      const now = activities.includes(undefined) ? '' : activities.join()
      const asleep = now !== '' && now === before
      before = now
      return asleep || undefined
    }, performance.now() + AHEAD)
  }
  server.thaw()
}
