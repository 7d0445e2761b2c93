/** CPU time per request of variants of one server, all alive at the same time on one core. */
import { Load } from './lib/load.mjs'
import { ServerProcess } from './lib/server-process.mjs'
import { median, shuffled, summary, sum } from './lib/statistics.mjs'

const peers = ['http-terminator', 'terminus', 'stoppable', 'http-graceful-shutdown', 'close-with-grace']

/**
 * How variants are kept apart. `processes`: each has a process of its own. Two processes of the same program differ
 * for life by a per cent or two, by the addresses they were given, so it takes many rounds of fresh ones. `together`:
 * each is a server of its own in one process, and shares its fate. `switching`: one server changes its variant.
 */
export const modes = {
  processes: {
    http: ['zerodrop', 'zerodrop-metrics', 'channel-empty', 'channel-time', ...peers],
    express: ['zerodrop', 'zerodrop-metrics'],
    koa: ['zerodrop', 'zerodrop-metrics'],
    fastify: ['zerodrop', 'zerodrop-metrics'],
  },
  together: {
    http: ['zerodrop'],
    express: ['zerodrop', 'zerodrop-times50'],
    koa: ['zerodrop', 'zerodrop-times50'],
    fastify: ['zerodrop'],
  },
  switching: {
    http: ['channel-empty', 'channel-time'],
    express: ['zerodrop', 'zerodrop-times50'],
    koa: ['zerodrop', 'zerodrop-times50'],
  },
}

/** Compares variants with the base. `control` is a second base: it shows what noise remains. */
export async function overhead({ mode, framework, rounds, blocks, bursts, connections, warmUp, onRound }) {
  const names = ['base', 'control', ...modes[mode][framework]]
  const compared = names.slice(1)
  const all = new Map(compared.map((name) => [name, { pairs: [], rounds: [], totals: [] }]))
  const cost = []
  for (let round = 0; round < rounds; round++) {
    const measured = await oneRound(mode, framework, names, { blocks, bursts, connections, warmUp })
    cost.push(median(measured.get('base').costs))
    for (const name of compared) {
      const own = measured.get(name)
      const reference = baseline(measured, name)
      const ratios = own.costs.map((cost, block) => cost / reference.costs[block])
      const result = all.get(name)
      result.pairs.push(...ratios)
      result.rounds.push(median(ratios))
      result.totals.push(own.total / reference.total)
    }
    onRound(round, new Map(compared.map((name) => [name, all.get(name).rounds.at(-1)])))
  }
  return {
    microseconds: median(cost) / 1000,
    variants: compared.map((name) => {
      const { pairs, rounds: perRound, totals } = all.get(name)
      return { name, pairs: summary(pairs), perRound: summary(perRound), total: median(totals) }
    }),
  }
}

/**
 * The base, and for all but the control the two bases in turn. Not their mean: the mean of two skewed costs has another median than
 * one of them, so a third base was 2 % dearer than the mean of the other two.
 */
function baseline(measured, name) {
  const base = measured.get('base')
  if (name === 'control') return base
  const control = measured.get('control')
  return {
    costs: base.costs.map((cost, block) => (block % 2 === 0 ? cost : control.costs[block])),
    total: (base.total + control.total) / 2,
  }
}

async function oneRound(mode, framework, names, { blocks, bursts, connections, warmUp }) {
  const targets = []
  try {
    for await (const target of start[mode](framework, names)) {
      targets.push({ ...target, load: await Load.open(target.port, connections), costs: [], total: 0 })
    }
    const parts = 20
    for (let part = 0; part < parts; part++) {
      for (const { load, prepare } of shuffled(targets)) {
        await prepare?.()
        await load.send(Math.ceil(warmUp / parts))
      }
    }
    for (let block = 0; block < blocks; block++) await oneBlock(targets, connections, bursts)
    return new Map(targets.map(({ name, costs, total }) => [name, { costs, total }]))
  } finally {
    for (const { load } of targets) load.close()
    for (const { server } of targets) await server.stop()
  }
}

/** Each target twice, in an order and then in its reverse, so that a drift hits all alike. */
async function oneBlock(targets, requests, bursts) {
  const order = shuffled(targets)
  const spent = new Map(targets.map((target) => [target, 0]))
  for (const target of [...order, ...order.toReversed()]) {
    const { server, load, prepare } = target
    await prepare?.()
    // Not counted: it warms the caches which the target before has used.
    await load.burst(server)
    const times = []
    for (let burst = 0; burst < bursts; burst++) {
      const before = server.cpuTime()
      await load.burst(server)
      times.push(server.cpuTime() - before)
    }
    // What others do on the machine can only add to a burst: the least disturbed one is nearest to the truth.
    spent.set(target, spent.get(target) + Math.min(...times))
    target.total += sum(times)
  }
  for (const [target, time] of spent) target.costs.push(time / (2 * requests))
}

const scriptOf = (framework, name) => `${framework}-${name === 'control' ? 'base' : name}`

const start = {
  async *processes(framework, names) {
    for (const name of shuffled(names)) {
      const server = await ServerProcess.start(scriptOf(framework, name))
      yield { name, server, port: server.port }
    }
  },

  async *together(framework, names) {
    const variants = names.map((name) => (name === 'control' ? 'base' : name))
    const server = await ServerProcess.start('together', { args: [framework, ...variants] })
    for (const name of names) {
      const port = name === 'base' ? server.port : (await server.message('listening')).port
      yield { name, server, port }
    }
  },

  async *switching(framework, names) {
    const server = await ServerProcess.start(`${framework}-switching`)
    for (const name of names) {
      const prepare = async () => {
        server.send('switch', { variant: name })
        await server.message('switched')
      }
      yield { name, server, port: server.port, prepare }
    }
  },
}
