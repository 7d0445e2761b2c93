import type { Connections } from '../connections/connections.ts'
import type { System } from '../system/system.ts'

/** Under a steady rain of new connections there is no quiet turn to wait for. */
const patience = 1000

/**
 * Resolves when the kernel's accept queue has been seen empty: closing a listening socket resets what is still in it.
 *
 * Since libuv 1.46 a listening socket gives one connection per turn of the loop, so one turn is not enough: turns go
 * by until one accepts nothing. https://github.com/libuv/libuv/pull/3696
 */
export async function acceptQueued(connections: Connections, system: System): Promise<void> {
  const deadline = system.now() + patience
  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      system.setImmediate(resolve)
    })
  // The rest of the turn in which the signal came: its poll may have been over before it looked at the listener.
  await turn()
  let accepted: number
  do {
    accepted = connections.accepted
    await turn()
  } while (connections.accepted !== accepted && system.now() < deadline)
}
