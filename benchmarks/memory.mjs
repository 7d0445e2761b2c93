/** What an idle connection or an open WebSocket costs in memory: the growth of a server that holds many of them. */
import { HeldConnections } from './lib/held-connections.mjs'
import { ServerProcess } from './lib/server-process.mjs'
import { median, shuffled } from './lib/statistics.mjs'

export const variants = {
  http: [
    'control',
    'zerodrop',
    'http-terminator',
    'terminus',
    'stoppable',
    'http-graceful-shutdown',
    'close-with-grace',
  ],
  express: ['control', 'zerodrop'],
  koa: ['control', 'zerodrop'],
  fastify: ['control', 'zerodrop'],
  ws: ['control', 'zerodrop'],
}

/** Bytes per connection of each variant, and over the base. `control` is a second base: it shows what noise remains. */
export async function memory({ framework, connections, rounds, onSample }) {
  const names = ['base', ...variants[framework]]
  const samples = new Map(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const sample = await growth(framework, name, connections)
      samples.get(name).push(sample)
      onSample(name, sample)
    }
  }
  const perConnection = (name, what) => median(samples.get(name).map((sample) => sample[what]))
  return names.map((name) => ({
    name,
    heap: perConnection(name, 'heap'),
    heapOverBase: perConnection(name, 'heap') - perConnection('base', 'heap'),
    externalOverBase: perConnection(name, 'external') - perConnection('base', 'external'),
    rss: perConnection(name, 'rss'),
    rssOverBase: perConnection(name, 'rss') - perConnection('base', 'rss'),
  }))
}

async function growth(framework, name, connections) {
  const protocol = framework === 'ws' ? 'websocket' : 'http'
  const script = `${framework}-${name === 'control' ? 'base' : name}`
  const server = await ServerProcess.start(script, { nodeArguments: ['--expose-gc'] })
  let held
  try {
    // What the first connections load once and for all is not counted.
    const first = await HeldConnections.open(server.port, 500, protocol)
    await first.close()
    const before = await inUse(server)
    held = await HeldConnections.open(server.port, connections, protocol)
    const after = await inUse(server)
    return {
      heap: (after.heapUsed + after.external - before.heapUsed - before.external) / connections,
      external: (after.external - before.external) / connections,
      rss: (after.rss - before.rss) / connections,
    }
  } finally {
    await server.stop()
    await held?.close()
  }
}

function inUse(server) {
  const message = server.message('memory')
  server.send('memory')
  return message
}
