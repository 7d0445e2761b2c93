/** The clients of a trial, and what becomes of their requests. */
import { setTimeout as delay } from 'node:timers/promises'
import { RawClient, startDelayProxy } from '@zerodrop/traffic'

/** How long a client waits that was refused. */
const retryDelay = 500
const clients = 20
const roundTrip = 30

/** Starts the clients. Each keeps one connection and asks on it; half of them for something slow. */
export async function startLoad(port, { quick = '/', slow = '/slow?ms=200' }) {
  const proxy = await startDelayProxy({ targetPort: port, roundTrip })
  const counts = { answered: 0, lost: 0, refused: 0, errors: 0, kept: clients }
  let stopping = false
  let reconnecting = true
  const client = async (path) => {
    for (let first = true; !stopping && (first || reconnecting); first = false) {
      let connection
      try {
        connection = await RawClient.connect({ port: proxy.port })
      } catch {
        counts.refused++
        await delay(retryDelay)
        continue
      }
      const outcome = await talk(connection, path)
      connection.destroy()
      if (outcome === 'stopped') return
      if (first) counts.kept--
      if (outcome === 'refused') await delay(retryDelay)
    }
  }
  const talk = async (connection, path) => {
    while (connection.open && !connection.sawClose) {
      if (stopping) return 'stopped'
      try {
        const { status } = await connection.request({ path, timeout: 20_000 })
        counts.answered++
        if (status !== 200) counts.errors++
      } catch {
        if (proxy.refusedUpstream > counts.refused) {
          counts.refused++
          return 'refused'
        }
        counts.lost++
        return 'lost'
      }
      await delay(Math.random() * 20)
    }
    return 'closed'
  }
  const all = Promise.all(
    Array.from({ length: clients }, (_, index) => client(index % 2 === 0 ? quick : slow)),
  )
  return {
    counts,
    /** From here on a client whose connection has ended goes away. */
    stayAway() {
      reconnecting = false
    },
    /** Resolves when this many more requests have been answered, or when no server answers any more. */
    async after(count) {
      const target = counts.answered + count
      const deadline = performance.now() + 5000
      while (counts.answered < target && performance.now() < deadline) await delay(20)
    },
    async stop() {
      stopping = true
      await all
      await proxy.close()
      return counts
    },
  }
}
