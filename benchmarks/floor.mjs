/**
 * What Node itself takes to move connections between two processes, with `child.send(message, handle)` and nothing of
 * zerodrop: the floor below the migration rate.
 */
import { HeldConnections } from './lib/held-connections.mjs'
import { ServerProcess } from './lib/server-process.mjs'
import { median } from './lib/statistics.mjs'

/** What the receiving process does with a handle. */
const variants = [
  ['the handle alone', 'handle'],
  ['a socket of an http server', 'http'],
]

export async function floor({ connections, rounds, onResult }) {
  const results = []
  for (const [name, kind] of variants) {
    const runs = []
    for (let round = 0; round < rounds; round++) {
      runs.push(await once(kind, connections))
      onResult({ name, ...runs.at(-1) })
    }
    const middle = (what) => Math.round(median(runs.map((run) => run[what])))
    results.push({
      name,
      'per second': Math.round((connections * 1000) / middle('milliseconds')),
      'CPU, µs each, sender': Math.round(median(runs.map(({ sending }) => sending / connections))),
      'CPU, µs each, receiver': Math.round(median(runs.map(({ taking }) => taking / connections))),
    })
  }
  return results
}

async function once(kind, connections) {
  const server = await ServerProcess.start('floor-sender', { args: [kind], anyCore: true })
  const held = await HeldConnections.open(server.port, connections)
  try {
    server.send('move')
    const { milliseconds, sending, taking } = await server.message('moved')
    return { milliseconds, sending, taking }
  } finally {
    await held.close()
    await server.stop()
  }
}
