import type { Connections } from '../connections/connections.ts'
import type { PrimaryState, System } from '../system/system.ts'

/** How long the primary has to be quiet before a worker declines what it is handed. In milliseconds. */
const quiet = 100

/** How long a worker waits for that: the others are there to be handed the rest. Less than pm2 gives it, which is 1600. */
const handedTimeout = 1200

/** How long a worker waits for a primary that stops as well: it has to empty its own accept queue. In milliseconds. */
const stoppingTimeout = 5000

/** How long it may take to decline what the primary had on its way, where it does not answer. In milliseconds. */
const declining = 20

/**
 * Waits, in a worker of node:cluster, until its primary hands it no more connections.
 *
 * A worker that closes its server declines what it is handed from then on, and the primary hands it to another. Behind
 * the last worker nobody is left, and the primary resets what it has. When all of them stop together, the primary needs
 * this long to close its own socket and to hand over what it had accepted. A primary with zerodrop says when it has done
 * that, and its silence means that it is held up; that of another may mean that it has nothing left.
 * https://github.com/nodejs/node/blob/v20.19.0/lib/internal/cluster/round_robin_handle.js (remove)
 * @param isHurried whether not to wait for longer
 */
export async function awaitQuiet(
  connections: Connections,
  system: System,
  isHurried: () => boolean,
): Promise<void> {
  const { cluster } = system
  const begun = system.now()
  let calm = 0
  for (;;) {
    const { accepted } = connections
    let state: PrimaryState | undefined
    const release = cluster.askPrimary((answer) => {
      state = answer
    })
    let isHeldUp: boolean
    let waited: number
    do {
      await wait(system, quiet)
      isHeldUp = cluster.primaryAnswers && state === undefined
      waited = system.now() - begun
    } while (isHeldUp && waited < stoppingTimeout && !isHurried())
    release()
    const isQuiet = connections.accepted === accepted && !isHeldUp && state !== 'stopping'
    calm = isQuiet ? calm + 1 : 0
    // What reached the primary before it answered that it serves, its own stop included, shows in the second answer.
    const isOver = calm >= (state === 'serving' ? 2 : 1)
    const limit = state === 'stopping' || state === 'closed' ? stoppingTimeout : handedTimeout
    if (isOver || isHurried() || waited >= limit) return
  }
}

/**
 * Waits, in a worker that has closed its server, until it has declined what its primary had on its way. The channel keeps
 * the order: the primary has read of the close when it answers, and what it had handed over before has arrived here.
 * Without its answer the time decides, in which it may be held up: what comes behind the worker's end is reset.
 * @param isHurried whether not to wait for longer
 */
export async function awaitDeclined(system: System, isHurried: () => boolean): Promise<void> {
  const { cluster } = system
  const begun = system.now()
  let isAnswered = false
  const release = cluster.askPrimary(() => {
    isAnswered = true
  })
  do await wait(system, declining)
  while (cluster.primaryAnswers && !isAnswered && !isHurried() && system.now() - begun < stoppingTimeout)
  release()
}

/** Ends with a turn of the event loop that has looked at what arrived in the meantime. */
async function wait(system: System, milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    system.setTimeout(resolve, milliseconds)
  })
  await new Promise<void>((resolve) => {
    system.setImmediate(resolve)
  })
}
