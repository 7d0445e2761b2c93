import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { commands } from './commands.mjs'
import { machine } from './lib/machine.mjs'
import { publish } from './lib/results.mjs'
import { clientCore, closesWithUs } from './lib/server-process.mjs'
import { writePage } from './page.mjs'

const usage = `npm run bench -- [${Object.keys(commands).join(' | ')} | page] [options]

Without a command: all of them. "page" only writes docs/benchmarks.md again. See benchmarks/README.md.
  --framework <name>   overhead, memory: http, express, koa or fastify; memory: also ws; otherwise all for overhead, http and
                       ws for memory
  --mode <name>        overhead: together, processes or switching; otherwise together and switching
  --what <name>        exit: nothing, inFlight, idle or busy; otherwise all
  --only <names>       restart: those that take part, such as zerodrop,pm2; otherwise all
  --rounds <number>    restarts: restart 3, migrate and warm-up 5. Fresh processes: overhead 6, memory 2, exit 5 (idle: 2),
                       start 100. Repetitions: floor 3, scrape 5
  --blocks <number>    overhead: compared slices in a round, 150
  --bursts <number>    overhead: bursts in a turn, of which the least disturbed counts, 2
  --connections <n>    overhead: 64; memory: 20000; exit idle, scrape, migrate, floor: 10000
  --keeper             migrate: below "zerodrop run"
  --write              keep the results in benchmarks/results, and put them into docs/benchmarks.md, with plots
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
    only: text,
    rounds: text,
    blocks: text,
    bursts: text,
    connections: text,
    keeper: flag,
    write: flag,
    verbose: flag,
    help: { ...flag, short: 'h' },
  },
})

const [command, ...others] = positionals
const isKnown = command === undefined || command === 'page' || commands[command] !== undefined
if (values.help || others.length > 0 || !isKnown) {
  console.log(usage)
  process.exitCode = values.help ? 0 : 2
} else if (command === 'page') {
  await writePage()
} else {
  await run(command === undefined ? Object.keys(commands) : [command])
  if (values.write) await writePage()
}

async function run(names) {
  closesWithUs()
  execFileSync('taskset', ['-a', '-c', '-p', clientCore, String(process.pid)])
  console.log(machine())
  const asked = {
    values,
    number: (name, otherwise) => (values[name] === undefined ? otherwise : Number(values[name])),
    progress: values.verbose ? (line) => console.log(line) : () => process.stderr.write('.'),
  }
  for (const name of names)
    for await (const table of commands[name](asked))
      publish(table, { keep: values.write ?? false, command: name })
}
