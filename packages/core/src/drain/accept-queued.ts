import type { Connections } from '../connections/connections.ts'
import { queueLength } from '../listeners/descriptor-address.ts'
import { type AcceptQueue, holdAccepted } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'

/** How long the accept queue is given to become empty, in milliseconds. */
const queueTimeout = 2000

/**
 * How long an event loop tick may have taken that found the accept queue empty: connections that arrived after it
 * had looked are in there now. At first only a turn that did nothing else will do; the limit doubles every 50 ms.
 */
function longestTurn(waited: number): number {
  return 0.1 * 2 ** (waited / 50)
}

/**
 * Accepts what is in the kernel's accept queue, and closes the socket in the event loop turn that found the queue empty:
 * closing a listening socket resets what is still in there. The caller closes the server, without waiting in between.
 *
 * Since libuv 1.46 a listening socket yields one connection per turn (https://github.com/libuv/libuv/pull/3696). Clients
 * that connect per request keep the queue filled as long as each turn also answers requests: turns are long, and clients
 * come back. So what is accepted here is held, and its requests are read when the socket has been closed. That keeps the
 * turns short, and a client that waits for an answer does not connect again.
 * @param isHurried whether to close at the next turn
 * @param quietFor for how many milliseconds the queue has to have been empty: where other processes accept on the same
 * socket, the clients that those answer come back
 * @returns how many connections may have been left in the queue
 */
export async function acceptQueued(
  queue: AcceptQueue,
  system: System,
  isHurried: () => boolean,
  quietFor = 0,
): Promise<number> {
  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      system.setImmediate(resolve)
    })
  const begun = system.now()
  // The rest of the turn in which the drain began: its poll may have been over before it looked at the listener.
  await turn()
  let quietSince = begun
  for (;;) {
    const { accepted } = queue
    const start = system.now()
    await turn()
    const now = system.now()
    const [waited, length] = [now - begun, now - start]
    const wasEmpty = queue.accepted === accepted
    if (!wasEmpty) quietSince = now
    const isOver = isHurried() || waited > queueTimeout || !queue.isOpen
    const isQuiet = wasEmpty && length <= longestTurn(waited) && now - quietSince >= quietFor
    if (!isOver && !isQuiet) continue
    // Connections may have arrived behind its poll, however short the turn was: only the kernel can tell.
    const left = queueLength(queue.fd ?? -1) ?? queue.accepted - accepted
    if (left > 0 && !isOver) continue
    queue.close()
    return left
  }
}

/** The accept queue of a server. */
export function acceptQueueOf(connections: Connections): AcceptQueue {
  const { server } = connections
  return (
    holdAccepted(server) ?? {
      fd: undefined,
      get accepted() {
        return connections.accepted
      },
      get isOpen() {
        return server.listening
      },
      close() {},
    }
  )
}
