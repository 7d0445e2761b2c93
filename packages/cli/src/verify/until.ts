import { setTimeout as delay } from 'node:timers/promises'

const POLL = 5

/**
 * Resolves with what `find` finds, or with undefined at the deadline. For what the kernel shows and does not announce.
 * @param deadline in the clock of `performance.now()`
 */
export async function until<Found>(
  find: () => Found | undefined | Promise<Found | undefined>,
  deadline: number,
  poll: number = POLL,
): Promise<Found | undefined> {
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (performance.now() >= deadline) return undefined
    await delay(poll)
  }
}
