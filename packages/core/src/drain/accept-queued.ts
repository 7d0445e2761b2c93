import type { Connections } from '../connections/connections.ts'
import { queueLength } from '../listeners/descriptor-address.ts'
import { holdAccepted } from '../system/node-internals.ts'
import type { System } from '../system/system.ts'

/** How long the accept queue is given to become empty, in milliseconds. */
const patience = 2000

/**
 * How long a turn of the event loop may have taken that found the accept queue empty: connections that arrived after it
 * had looked are in there now. At first only a turn that did nothing else will do; the limit doubles every 50 ms.
 */
function longestTurn(waited: number): number {
  return 0.1 * 2 ** (waited / 50)
}

/** In so short a turn no connection is likely to have arrived. */
const shortTurn = 1

/**
 * Accepts what is in the kernel's accept queue, and closes the socket in the event loop turn that found the queue empty:
 * closing a listening socket resets what is still in there. The caller closes the server, without waiting in between.
 *
 * Since libuv 1.46 a listening socket yields one connection per turn (https://github.com/libuv/libuv/pull/3696). Clients
 * that connect per request keep the queue filled as long as each turn also answers requests: turns are long, and clients
 * come back. So what is accepted here is held, and its requests are read when the socket has been closed. That keeps the
 * turns short, and a client that waits for an answer does not connect again.
 * @param isHurried whether to close at the next turn
 * @returns how many connections may have been left in the queue
 */
export async function acceptQueued(
  connections: Connections,
  system: System,
  isHurried: () => boolean,
): Promise<number> {
  const { server } = connections
  const held = holdAccepted(server)
  const count = (): number => held?.count ?? connections.accepted
  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      system.setImmediate(resolve)
    })
  const begun = system.now()
  // The rest of the turn in which the drain began: its poll may have been over before it looked at the listener.
  await turn()
  for (;;) {
    const accepted = count()
    const start = system.now()
    await turn()
    const waited = system.now() - begun
    const length = system.now() - start
    const wasEmpty = count() === accepted
    const isOver = isHurried() || waited > patience || !server.listening
    if (!isOver && !(wasEmpty && length <= longestTurn(waited))) continue
    const left = wasEmpty && length <= shortTurn ? 0 : (queueLength(held?.fd ?? -1) ?? count() - accepted)
    held?.close()
    return left
  }
}
