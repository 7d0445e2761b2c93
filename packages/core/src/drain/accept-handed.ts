import type { Connections } from '../connections/connections.ts'
import type { PrimaryState } from '../system/cluster-system.ts'
import type { System } from '../system/system.ts'

/** How long the primary has to be silent before a worker declines connections, in milliseconds. */
const quiet = 100

/** How long a worker waits for that, in milliseconds. Other workers take the rest. pm2 kills after 1600. */
const handedTimeout = 1200

/**
 * How long a worker waits for a primary that is stopping too and has to empty its accept queue, in
 * milliseconds.
 */
const stoppingTimeout = 5000

/** How long a worker declines connections from a primary that does not answer, in milliseconds. */
const declining = 20

/**
 * In a worker of node:cluster, waits until the primary stops handing connections to it.
 *
 * A worker that has closed its server declines new connections, and the primary hands them to another
 * worker. After the last worker, the primary resets the connections that it still has. When all workers stop
 * together, the primary needs this time to close its own socket and to hand over the connections it had
 * accepted. A primary with zerodrop says when it has done that, and its silence means that it is busy. The
 * silence of another primary may mean that it has no connections left.
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
    // The second answer reflects everything that reached the primary before its first one, including its own
    // stop.
    const isOver = calm >= (state === 'serving' ? 2 : 1)
    const limit = state === 'stopping' || state === 'closed' ? stoppingTimeout : handedTimeout
    if (isOver || isHurried() || waited >= limit) return
  }
}

/**
 * In a worker that has closed its server, waits until it has declined the connections that the primary had
 * already sent. The channel keeps the order: when the primary answers, it has read of the close, and the
 * connections that it sent before have arrived here. If it does not answer, a time limit ends the wait; a
 * busy primary's connections that arrive after the worker's end are reset.
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

/** Resolves after an event loop tick that has polled for messages that arrived in the meantime. */
async function wait(system: System, milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    system.setTimeout(resolve, milliseconds)
  })
  await new Promise<void>((resolve) => {
    system.setImmediate(resolve)
  })
}
