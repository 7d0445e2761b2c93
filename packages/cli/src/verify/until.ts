import { setTimeout as delay } from 'node:timers/promises'

const POLL = 5

/**
 * Polls until `find` returns a value and resolves with it, or with undefined at the deadline. For kernel state without events.
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
