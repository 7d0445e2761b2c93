/** What the preload adds to the start of a program, in pairs of fresh processes. */
import { spawnSync } from 'node:child_process'
import { shuffled, summary } from './lib/statistics.mjs'

const register = '@zerodrop/core/register'
const end = `const { user, system } = process.cpuUsage()
require('node:fs').writeSync(1, String(user + system))
process.reallyExit(0)`

/** Programs that exit as soon as they have started: one without a server, and one with a server that listens. */
const programs = {
  'never listens': end,
  listens: `require('node:http').createServer().listen(0, '127.0.0.1', () => { ${end} })`,
}
const variants = {
  control: [],
  // What Node itself takes for it.
  'an empty --import': ['--import', 'data:text/javascript,'],
  '--require': ['--require', register],
  '--import': ['--import', register],
}

/** CPU time of a process until its program runs or listens, in milliseconds, less that of the bare one beside it. */
export function start({ rounds, onRound = () => {} }) {
  return Object.entries(programs).flatMap(([program, code]) => {
    const bare = []
    const added = Object.fromEntries(Object.keys(variants).map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const name of shuffled(Object.keys(variants))) {
        const [one, other] = pair(code, variants[name])
        bare.push(one)
        added[name].push(other - one)
      }
      onRound(program, round)
    }
    const least = summary(bare).median
    return Object.entries(added).map(([name, values]) => ({
      program,
      name,
      bare: least,
      added: summary(values),
    }))
  })
}

/** The one or the other first. */
function pair(code, args) {
  if (Math.random() < 0.5) return [time(code, []), time(code, args)]
  const other = time(code, args)
  return [time(code, []), other]
}

function time(code, args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, '-e', code], {
    cwd: import.meta.dirname,
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`It ended with ${status}: ${stderr}`)
  return Number(stdout) / 1000
}
