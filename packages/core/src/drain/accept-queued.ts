import type { Connections } from '../connections/connections.ts'
import { queueLength } from '../listeners/descriptor-address.ts'
import { type AcceptQueue, holdAccepted } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'

/** How long to wait until the accept queue is empty, in milliseconds. */
const queueTimeout = 2000

/**
 * How long the event loop tick that found the accept queue empty may have taken: connections that arrived
 * after its poll are in the queue now. At first, only a tick that did nothing else counts; the limit doubles
 * every 50 ms.
 */
function longestTurn(waited: number): number {
  return 0.1 * 2 ** (waited / 50)
}

/**
 * In a tick as short as this, in milliseconds, almost nothing can have arrived after its poll. Asking the kernel would
 * take longer, and connections that arrive meanwhile would be reset.
 */
const instant = 0.02

/**
 * How long ago the queue may have been found empty when the socket closes: longer than this, the kernel has run another
 * process, which may be a client. The limit doubles every 250 ms.
 */
function longestAgo(waited: number): number {
  return 2 ** (waited / 250)
}

/**
 * Accepts the connections in the kernel's accept queue, and resolves in the event loop tick that found the
 * queue empty: closing a listening socket resets connections that are still in its queue. The caller has to
 * close the server in the same tick.
 *
 * Since libuv 1.46 a listening socket yields one connection per tick
 * (https://github.com/libuv/libuv/pull/3696). Clients that connect for each request keep the queue full if
 * each tick also answers requests: ticks are long, and clients return. So connections accepted here are
 * held, and their requests are read once the socket is closed. That keeps the ticks short, and a client that
 * waits for a response does not connect again.
 * @param isHurried whether to close on the next tick
 * @param quietFor for how many milliseconds the queue has to stay empty, given up after ten times as long:
 * if other processes answer clients of the same socket, these clients return
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
  // The tick in which the drain began does not count: its poll may have ended before it looked at the
  // listener.
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
    const hasBeenQuiet = now - quietSince >= quietFor || waited > 10 * quietFor
    const isQuiet = wasEmpty && length <= longestTurn(waited) && hasBeenQuiet
    if (!isOver && !isQuiet) continue
    // Connections may have arrived after the poll of any other tick: only the kernel can tell.
    const isSure = wasEmpty && length <= instant
    const left = isSure ? 0 : (queueLength(queue.fd ?? -1) ?? queue.accepted - accepted)
    if (!isOver && (left > 0 || system.now() - now > longestAgo(waited))) continue
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
