/** The commands of `npm run bench`. Each one measures, and yields the tables of its results. */
import { freePort } from '@zerodrop/traffic'
import { exit, measurements } from './exit.mjs'
import { floor } from './floor.mjs'
import { allowedConnections } from './lib/held-connections.mjs'
import { memory, variants as memoryVariants } from './memory.mjs'
import { migrate } from './migrate.mjs'
import { modes, overhead } from './overhead.mjs'
import { restart } from './restart.mjs'
import { memoryRow, named, overheadRow, range, restartRow, warmUpRow, withVersion } from './rows.mjs'
import { scrape } from './scrape.mjs'
import { start } from './start.mjs'
import { warmUp } from './warm-up.mjs'

/**
 * @typedef {object} Asked what the command line asks for
 * @property {(name: string, otherwise: number) => number} number an option that is a number
 * @property {Record<string, string | boolean | undefined>} values
 * @property {(line: string) => void} progress
 * @typedef {{ name: string, title: string, rows: Record<string, string | number>[], note?: string }} Table
 * @type {Record<string, (asked: Asked) => AsyncGenerator<Table>>}
 */
export const commands = {
  async *restart({ number, values, progress }) {
    const rounds = number('rounds', 3)
    const only = values.only?.split(',')
    const results = await restart({ rounds, only, onResult: (result) => progress(JSON.stringify(result)) })
    yield {
      name: 'restart',
      title: `Restart under load: ${rounds} restarts each, 62 clients, 58 of them keep their connection, 30 ms away`,
      rows: results.map((result) => ({
        '': named(result),
        'restarted by': result.how,
        ...restartRow(result, rounds),
      })),
    }
  },

  async *exit({ number, values, progress }) {
    for (const what of values.what ? [values.what] : Object.keys(measurements)) {
      if (measurements[what] === undefined) throw new Error(`Unknown: ${what}`)
      const options = {
        what,
        rounds: number('rounds', what === 'idle' ? 2 : 5),
        connections: allowedConnections(number('connections', 10_000)),
        exitTimeout: 15_000,
      }
      const onResult = (name, result) => progress(`${name}: ${JSON.stringify(result)}`)
      const results = await exit({ ...options, onResult })
      yield {
        name: `exit-${what}`,
        title: `Stop, ${what}${what === 'idle' ? `, ${options.connections} connections` : ''}: ${options.rounds} runs each`,
        rows: results.map(({ name, ...result }) => ({ '': withVersion(name), ...result })),
      }
    }
  },

  async *overhead({ number, values, progress }) {
    for (const mode of values.mode ? [values.mode] : ['together', 'switching']) {
      for (const framework of values.framework ? [values.framework] : Object.keys(modes[mode])) {
        if (modes[mode]?.[framework] === undefined) continue
        const options = {
          mode,
          framework,
          rounds: number('rounds', 6),
          blocks: number('blocks', 150),
          bursts: number('bursts', 2),
          connections: number('connections', 64),
          warmUp: 30_000,
        }
        const onRound = (round, ratios) =>
          progress(
            `round ${round}: ${[...ratios].map(([name, ratio]) => `${name} ${ratio.toFixed(4)}`).join(', ')}`,
          )
        const { microseconds, variants } = await overhead({ ...options, onRound })
        const { rounds, blocks, connections } = options
        yield {
          name: `overhead-${mode}-${framework}`,
          title: `CPU time per request, ${framework}, ${mode}: ${rounds} rounds of ${blocks} pairs, ${connections} connections`,
          rows: variants.map(overheadRow),
          note: `Ratios to the base, a request of which takes ${microseconds.toFixed(1)} µs.`,
        }
      }
    }
  },

  async *memory({ number, values, progress }) {
    for (const framework of values.framework ? [values.framework] : ['http', 'ws']) {
      if (memoryVariants[framework] === undefined) throw new Error(`Unknown framework: ${framework}`)
      const connections = allowedConnections(number('connections', 20_000))
      const rounds = number('rounds', 2)
      const onSample = (name, { heap, rss }) =>
        progress(`${name}: heap ${heap.toFixed(1)}, resident ${rss.toFixed(0)}`)
      const results = await memory({ framework, connections, rounds, onSample })
      const what = framework === 'ws' ? 'open WebSocket' : 'idle connection'
      yield {
        name: `memory-${framework}`,
        title: `Bytes per ${what}, ${framework}: ${connections} connections, ${rounds} rounds`,
        rows: results.map(memoryRow),
      }
    }
  },

  async *migrate({ number, values, progress }) {
    const connections = allowedConnections(number('connections', 10_000))
    const rounds = number('rounds', 5)
    const onResult = (result) => progress(JSON.stringify(result))
    const keeper = values.keeper === true
    const port = await freePort()
    const { results, traffic } = await migrate({ rounds, connections, port, keeper, onResult })
    const below = keeper ? ' below zerodrop run' : ''
    yield {
      name: keeper ? 'migrate-keeper' : 'migrate',
      title: `Migration of ${connections} idle connections${below}, ${rounds} restarts, one after the other`,
      rows: results.map((result, index) => ({ '': `to generation ${index + 2}`, ...result })),
      note: `Clients that asked meanwhile: ${traffic.answered} answers, ${traffic.lost} requests lost, ${traffic.refused} refused.`,
    }
  },

  async *floor({ number, progress }) {
    const connections = allowedConnections(number('connections', 10_000))
    const rounds = number('rounds', 3)
    const results = await floor({
      connections,
      rounds,
      onResult: (result) => progress(JSON.stringify(result)),
    })
    yield {
      name: 'floor',
      title: `Moving ${connections} connections with Node's own process.send() and nothing else, ${rounds} rounds`,
      rows: results.map(({ name, ...result }) => ({ '': name, ...result })),
    }
  },

  async *scrape({ number, progress }) {
    const rows = []
    for (const connections of [0, 64, allowedConnections(number('connections', 10_000))]) {
      const onRound = (time) => progress(`${connections} connections: ${time.toFixed(3)} ms`)
      const result = await scrape({ connections, rounds: number('rounds', 5), onRound })
      rows.push({
        '': `${connections} connections`,
        'ms of CPU': result.milliseconds.toFixed(3),
        'least, most': `${result.least.toFixed(3)} to ${result.most.toFixed(3)}`,
        'once a second': (1 + result.milliseconds / 1000).toFixed(5),
      })
    }
    yield {
      name: 'scrape',
      title:
        'CPU time of one scrape of the metrics, and the ratio of a busy core that is scraped once a second',
      rows,
    }
  },

  async *start({ number, progress }) {
    const rounds = number('rounds', 100)
    const onRound = (program, round) => progress(`${program}, round ${round}`)
    yield {
      name: 'start',
      title: `From boot to ready: milliseconds of CPU time that the preload adds, ${rounds} pairs each`,
      rows: start({ rounds, onRound }).map(({ program, name, bare, added }) => ({
        '': `${program}, ${name}`,
        bare: bare.toFixed(1),
        added: added.median.toFixed(1),
        '95 %': range(added.interval, 1),
      })),
    }
  },

  async *'warm-up'({ number, progress }) {
    for (const roundTrip of [0, 30]) {
      const rounds = number('rounds', 5)
      const onResult = (result) => progress(JSON.stringify(result))
      const results = await warmUp({ rounds, roundTrip, onResult })
      yield {
        name: `warm-up-${roundTrip}`,
        title: `p99 in milliseconds around ${rounds} restarts of an Express app with templates, ${roundTrip} ms away`,
        rows: results.map(warmUpRow),
      }
    }
  },
}
