import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { freePort } from '@zerodrop/traffic'
import { exit, measurements } from './exit.mjs'
import { allowedConnections } from './lib/held-connections.mjs'
import { machine } from './lib/machine.mjs'
import { clientCore, closesWithUs } from './lib/server-process.mjs'
import { memory, variants as memoryVariants } from './memory.mjs'
import { migrate } from './migrate.mjs'
import { modes, overhead } from './overhead.mjs'
import { scrape } from './scrape.mjs'
import { start } from './start.mjs'
import { warmUp } from './warm-up.mjs'

const usage = `npm run bench -- [overhead | memory | exit | scrape | migrate | start | warm-up] [options]

Without a command: all of them. See benchmarks/README.md.
  --framework <name>   overhead, memory: http, express, koa or fastify; memory: also ws; otherwise all for overhead, http and
                       ws for memory
  --mode <name>        overhead: together, processes or switching; otherwise together and switching
  --what <name>        exit: nothing, inFlight, idle or busy; otherwise all
  --rounds <number>    fresh processes for each: overhead 6, memory 2, exit 5 (idle: 2), migrate and warm-up 5 restarts, start 100
  --blocks <number>    overhead: compared slices in a round, 150
  --bursts <number>    overhead: bursts in a turn, of which the least disturbed counts, 2
  --connections <n>    overhead: 64; memory: 20000; exit idle, scrape, migrate: 10000
  --keeper             migrate: below "zerodrop run"
  --verbose            every single result
`

const text = /** @type {const} */ ({ type: 'string' })
const flag = /** @type {const} */ ({ type: 'boolean' })
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    framework: text,
    mode: text,
    what: text,
    rounds: text,
    blocks: text,
    bursts: text,
    connections: text,
    keeper: flag,
    verbose: flag,
    help: { ...flag, short: 'h' },
  },
})
const progress = values.verbose ? (line) => console.log(line) : () => process.stderr.write('.')
const asked = (name, otherwise) => (values[name] === undefined ? otherwise : Number(values[name]))

const commands = {
  async overhead() {
    for (const mode of values.mode ? [values.mode] : ['together', 'switching']) {
      for (const framework of values.framework ? [values.framework] : Object.keys(modes[mode])) {
        if (modes[mode]?.[framework] === undefined) continue
        const options = {
          mode,
          framework,
          rounds: asked('rounds', 6),
          blocks: asked('blocks', 150),
          bursts: asked('bursts', 2),
          connections: asked('connections', 64),
          warmUp: 30_000,
        }
        const onRound = (round, ratios) =>
          progress(
            `round ${round}: ${[...ratios].map(([name, ratio]) => `${name} ${ratio.toFixed(4)}`).join(', ')}`,
          )
        const { microseconds, variants } = await overhead({ ...options, onRound })
        const { rounds, blocks, connections } = options
        title(
          `CPU time per request, ${framework}, ${mode}: ${rounds} rounds of ${blocks} pairs, ${connections} connections`,
        )
        console.log(`base: ${microseconds.toFixed(1)} µs`)
        console.table(
          Object.fromEntries(
            variants.map(({ name, pairs, perRound, total }) => [
              name,
              {
                median: pairs.median.toFixed(4),
                '95 %': range(pairs.interval, 4),
                quartiles: range(pairs.quartiles, 3),
                'median of rounds': perRound.median.toFixed(4),
                'all bursts': total.toFixed(4),
              },
            ]),
          ),
        )
      }
    }
  },

  async memory() {
    for (const framework of values.framework ? [values.framework] : ['http', 'ws']) await memoryOf(framework)
  },

  async exit() {
    for (const what of values.what ? [values.what] : Object.keys(measurements)) {
      if (measurements[what] === undefined) throw new Error(`Unknown: ${what}`)
      const options = {
        what,
        rounds: asked('rounds', what === 'idle' ? 2 : 5),
        connections: allowedConnections(asked('connections', 10_000)),
        exitTimeout: 15_000,
      }
      const onResult = (name, result) => progress(`${name}: ${JSON.stringify(result)}`)
      const results = await exit({ ...options, onResult })
      title(
        `Exit, ${what}${what === 'idle' ? `, ${options.connections} connections` : ''}: ${options.rounds} rounds`,
      )
      console.table(Object.fromEntries(results.map(({ name, ...result }) => [name, result])))
    }
  },

  async start() {
    const rounds = asked('rounds', 100)
    const onRound = (program, round) => progress(`${program}, round ${round}`)
    title(`Milliseconds of CPU time that the preload adds to a start: ${rounds} pairs each`)
    console.table(
      start({ rounds, onRound }).map(({ program, name, bare, added }) => ({
        program,
        preload: name,
        bare: bare.toFixed(1),
        added: added.median.toFixed(1),
        '95 %': range(added.interval, 1),
      })),
    )
  },

  async scrape() {
    const rows = {}
    for (const connections of [0, 64, allowedConnections(asked('connections', 10_000))]) {
      const onRound = (time) => progress(`${connections} connections: ${time.toFixed(3)} ms`)
      const result = await scrape({ connections, rounds: asked('rounds', 5), onRound })
      rows[`${connections} connections`] = {
        'ms of CPU': result.milliseconds.toFixed(3),
        'least, most': `${result.least.toFixed(3)} to ${result.most.toFixed(3)}`,
        'once a second': (1 + result.milliseconds / 1000).toFixed(5),
      }
    }
    title('CPU time of one scrape of the metrics, and the ratio of a busy core that is scraped once a second')
    console.table(rows)
  },

  async migrate() {
    const connections = allowedConnections(asked('connections', 10_000))
    const onResult = (result) => progress(JSON.stringify(result))
    const { results, traffic } = await migrate({
      rounds: asked('rounds', 5),
      connections,
      port: await freePort(),
      keeper: values.keeper === true,
      onResult,
    })
    const below = values.keeper ? ' below zerodrop run' : ''
    title(
      `Migration of ${connections} idle connections${below}, ${results.length} restarts, one after the other`,
    )
    console.table(Object.fromEntries(results.map((result, index) => [`to generation ${index + 2}`, result])))
    console.log(`clients that asked meanwhile: ${JSON.stringify(traffic)}`)
  },

  async 'warm-up'() {
    for (const roundTrip of [0, 30]) {
      const rounds = asked('rounds', 5)
      const onResult = (result) => progress(JSON.stringify(result))
      const results = await warmUp({ rounds, roundTrip, onResult })
      title(
        `p99 in milliseconds around ${rounds} restarts of an Express app with templates, ${roundTrip} ms away`,
      )
      const row = ({ lost, requests, quiet, around, control, first, slowest }) => ({
        requests,
        lost,
        quiet: quiet.toFixed(1),
        'around restarts': around.toFixed(1),
        ratio: (around / quiet).toFixed(2),
        'around control': control.toFixed(1),
        'its ratio': (control / quiet).toFixed(2),
        'restart / control': (around / control).toFixed(2),
        'first second': first.toFixed(1),
        slowest: slowest.toFixed(1),
      })
      console.table(Object.fromEntries(results.map((result) => [result.name, row(result)])))
    }
  },
}

/** Prints what a connection of one framework costs, for `ws` an open WebSocket. */
async function memoryOf(framework) {
  if (memoryVariants[framework] === undefined) throw new Error(`Unknown framework: ${framework}`)
  const connections = allowedConnections(asked('connections', 20_000))
  const rounds = asked('rounds', 2)
  const onSample = (name, { heap, rss }) =>
    progress(`${name}: heap ${heap.toFixed(1)}, resident ${rss.toFixed(0)}`)
  const results = await memory({ framework, connections, rounds, onSample })
  title(
    `Bytes per ${framework === 'ws' ? 'open WebSocket' : 'idle connection'}, ${framework}: ${connections} connections, ${rounds} rounds`,
  )
  console.table(
    Object.fromEntries(
      results.map(({ name, heap, heapOverBase, externalOverBase, rss, rssOverBase }) => [
        name,
        {
          heap: heap.toFixed(0),
          'heap over base': heapOverBase.toFixed(0),
          'of that external': externalOverBase.toFixed(0),
          resident: rss.toFixed(0),
          'resident over base': rssOverBase.toFixed(0),
        },
      ]),
    ),
  )
}

function title(text) {
  console.log(`\n${text}`)
}

function range([low, high], digits) {
  return `${low.toFixed(digits)} to ${high.toFixed(digits)}`
}

const [command, ...others] = positionals
if (values.help || others.length > 0 || (command !== undefined && commands[command] === undefined)) {
  console.log(usage)
  process.exitCode = values.help ? 0 : 2
} else {
  closesWithUs()
  execFileSync('taskset', ['-a', '-c', '-p', clientCore, String(process.pid)])
  console.log(machine())
  for (const name of command === undefined ? Object.keys(commands) : [command]) await commands[name]()
}
