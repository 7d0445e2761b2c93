/**
 * What a scrape of the metrics costs. Nothing is counted per request, so once a second it is all that metrics cost: on a
 * core that is busy for the whole second, that many milliseconds of a thousand.
 */
import { HeldConnections } from './lib/held-connections.mjs'
import { ServerProcess } from './lib/server-process.mjs'
import { median } from './lib/statistics.mjs'

const scrapes = 100

/** Milliseconds of CPU for one scrape with so many idle connections, in each round, and their median. */
export async function scrape({ connections, rounds, onRound }) {
  const server = await ServerProcess.start('http-scrape')
  let held
  try {
    if (connections > 0) held = await HeldConnections.open(server.port, connections)
    await ask(server)
    const times = []
    for (let round = 0; round < rounds; round++) {
      times.push(await ask(server))
      onRound(times.at(-1))
    }
    return { milliseconds: median(times), least: Math.min(...times), most: Math.max(...times) }
  } finally {
    await server.stop()
    await held?.close()
  }
}

async function ask(server) {
  const scraped = server.message('scraped')
  server.send('scrape', { times: scrapes })
  return (await scraped).milliseconds
}
