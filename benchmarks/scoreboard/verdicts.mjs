/**
 * `npm run verdicts [-- --repeat N --busy --json FILE CASE…]`: runs each situation of `zerodrop verify` several times, and
 * tells the situations that did not get the same verdict each time. Exits with 1 if there is one.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { configure } from './neighbours.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.join(here, '../..')
const bin = path.join(root, 'packages/cli/dist/main.js')
const routes = ['--slow', '/slow', '--large', '/large', '--upload', '/upload', '--sse', '/events']

/** @type {(name: string) => () => { command: string[] }} */
const node = (name) => () => ({ command: [process.execPath, path.join(here, `${name}.mjs`)] })
/** These never close a connection on which a request never ends. */
const brief = ['--limit', '4000']
const nginx = () => configure('nginx')
const haproxy = () => configure('haproxy')

/**
 * The situations of one server around one event.
 * @type {Record<string, { needs?: string, flags: string[], byCommand?: boolean, server: () => any }>}
 */
const cases = {
  'http-zerodrop stop': { flags: routes, server: node('http-zerodrop') },
  'http-zerodrop restart': { flags: ['--restart', 'SIGHUP', ...routes], server: node('http-zerodrop') },
  'express-zerodrop stop': { flags: routes, server: node('express-zerodrop') },
  'express-zerodrop restart': { flags: ['--restart', 'SIGHUP', ...routes], server: node('express-zerodrop') },
  'http stop': { flags: routes, server: node('http') },
  'http-server-close stop': { flags: routes, server: node('http-server-close') },
  'express-http-terminator stop': { flags: routes, server: node('express-http-terminator') },
  'nginx SIGQUIT': { needs: 'nginx', flags: [...brief, '--stop', 'SIGQUIT'], server: nginx },
  'nginx SIGTERM': { needs: 'nginx', flags: [...brief], server: nginx },
  'nginx restart': { needs: 'nginx', flags: [...brief, '--restart', 'SIGHUP'], server: nginx },
  'haproxy SIGUSR1': { needs: 'haproxy', flags: [...brief, '--stop', 'SIGUSR1'], server: haproxy },
  'haproxy SIGTERM': { needs: 'haproxy', flags: [...brief], server: haproxy },
  'haproxy restart': { needs: 'haproxy', flags: brief, byCommand: true, server: haproxy },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeat: { type: 'string', default: '5' },
    busy: { type: 'boolean', default: false },
    json: { type: 'string' },
    only: { type: 'string' },
  },
})
const unknown = positionals.filter((name) => !(name in cases))
if (unknown.length > 0) {
  console.error(`There is no case "${unknown[0]}". The cases:\n${Object.keys(cases).join('\n')}`)
  process.exit(2)
}
const burners = values.busy ? os.cpus().map(() => spawn(process.execPath, ['-e', 'for (;;);'])) : []
const results = []
try {
  for (const [name, { needs, flags, byCommand, server }] of Object.entries(cases)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    if (needs !== undefined && spawnSync(needs, ['-v']).error) {
      console.log(`– ${name}: ${needs} is not installed`)
      continue
    }
    const started = await server()
    const all = byCommand ? [...flags, '--restart-command', started.restart] : flags
    const result = await verdictsOf(name, all, started)
    results.push(result)
    tell(result)
  }
} finally {
  for (const burner of burners) burner.kill('SIGKILL')
}
const unsteady = results.reduce((sum, each) => sum + each.unsteady.length, 0)
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ busy: values.busy, results }, null, 2)}\n`)
console.log(
  unsteady === 0
    ? 'Every verdict was the same each time.'
    : `${unsteady} verdicts were not the same each time.`,
)
process.exitCode = unsteady === 0 ? 0 : 1

async function verdictsOf(name, flags, { command, remove }) {
  const only = values.only === undefined ? [] : ['--only', values.only]
  const args = [bin, 'verify', '--json', '--repeat', values.repeat, ...only, ...flags, '--', ...command]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => {
      said[stream] += text
    })
  const [status] = await once(child, 'close')
  remove?.()
  if (status === null || status > 1) throw new Error(`${name}: ${said.stderr}`)
  const { situations, took, unsteady } = JSON.parse(said.stdout)
  return {
    name,
    took,
    unsteady,
    situations: situations.map((situation) => ({
      name: situation.name,
      verdict: situation.verdict,
      runs: situation.runs.map(({ verdict, counts, faults, endingInWords }) => ({
        verdict,
        counts,
        faults,
        endingInWords,
      })),
    })),
  }
}

function tell({ name, took, unsteady, situations }) {
  const judged = situations.filter(({ verdict }) => verdict !== 'skip')
  const passed = judged.filter(({ verdict }) => verdict === 'pass').length
  console.log(
    `${unsteady.length === 0 ? '✓' : '✗'} ${name}: ${passed} of ${judged.length} passed, ${(took / 1000).toFixed(1)} s`,
  )
  for (const each of situations.filter((situation) => unsteady.includes(situation.name))) {
    console.log(`  ${each.name}: ${each.runs.map(({ verdict }) => verdict).join(', ')}`)
    for (const { verdict, counts, faults } of each.runs)
      console.log(`    ${verdict} ${JSON.stringify(counts)} ${faults.map(({ saw }) => saw).join('; ')}`)
  }
}
