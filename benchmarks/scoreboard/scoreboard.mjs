/**
 * `npm run scoreboard [-- NAME…]`: what `zerodrop verify` says of servers, of which most do not use zerodrop. Writes
 * docs/scoreboard.md. The frameworks of the battery are installed as that installs them.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application } from '../../packages/battery/src/application.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const root = path.join(here, '../..')
const bin = path.join(root, 'packages/cli/dist/main.js')
const preload = path.join(root, 'packages/battery/src/preload.cjs')
const routes = ['--slow', '/slow', '--large', '/large', '--upload', '/upload', '--sse', '/events']

/**
 * In the order of the table.
 * @type {[title: string, name: string, packages: string[]][]}
 */
const own = [
  ['Node.js http, no shutdown code', 'http', []],
  ['Node.js http, `server.close()`', 'http-server-close', []],
  ['**Node.js http, zerodrop**', 'http-zerodrop', []],
  ['Express', 'express', ['express']],
  ['Express, `server.close()` as its guide has it', 'express-server-close', ['express']],
  ['Express, http-terminator', 'express-http-terminator', ['express', 'http-terminator']],
  ['Express, terminus', 'express-terminus', ['express', '@godaddy/terminus']],
  ['Express, stoppable', 'express-stoppable', ['express', 'stoppable']],
  [
    'Express, http-graceful-shutdown',
    'express-http-graceful-shutdown',
    ['express', 'http-graceful-shutdown'],
  ],
  ['Express, close-with-grace', 'express-close-with-grace', ['express', 'close-with-grace']],
  ['**Express, zerodrop**', 'express-zerodrop', ['express']],
  ['Fastify', 'fastify', ['fastify']],
  [
    'Fastify, fastify-graceful-shutdown',
    'fastify-graceful-shutdown',
    ['fastify', 'fastify-graceful-shutdown'],
  ],
  ['Fastify, close-with-grace', 'fastify-close-with-grace', ['fastify', 'close-with-grace']],
  ['**Fastify, zerodrop**', 'fastify-zerodrop', ['fastify']],
  ['Koa', 'koa', ['koa']],
  ['**Koa, zerodrop**', 'koa-zerodrop', ['koa']],
]
const frameworks = ['hono', 'hapi', 'nest11-express', 'nitro2', 'sveltekit', 'next']

const wanted = process.argv.slice(2)
const isWanted = (name) => wanted.length === 0 || wanted.includes(name)
const rows = []
for (const [title, name, packages] of own) {
  if (!isWanted(name)) continue
  const report = await verify([...routes, '--', process.execPath, path.join(here, `${name}.mjs`)], root)
  rows.push({ title, versions: packages.map(versionOf), report })
}
for (const name of frameworks) {
  if (!isWanted(name)) continue
  try {
    const application = new Application(name)
    application.prepare()
    const { title } = application.settings
    rows.push({ title, versions: application.versions, report: await verifyFramework(application) })
  } catch (error) {
    // Without a network a framework cannot be installed. The others are still listed.
    console.error(`${name}: ${error.message}`)
    process.exitCode = 1
  }
}
const page = await scoreboard()
if (wanted.length === 0) writeFileSync(path.join(root, 'docs/scoreboard.md'), page)
else process.stdout.write(page)

/** @param {Application} application */
function verifyFramework({ folder, settings: { start, env, quick = '/', slow = '/slow?ms=800' } }) {
  const script = start.map((word) => (word === '$PORT' ? '"$PORT"' : word)).join(' ')
  // A shell puts the port where the command line wants it.
  const command = ['sh', '-c', `exec "${process.execPath}" --require "${preload}" ${script}`]
  const flags = [
    '--get',
    quick,
    '--slow',
    slow.replace(/ms=\d+/, 'ms=800'),
    '--start-limit',
    '60000',
    '--jobs',
    '2',
  ]
  const hosts = { NODE_ENV: 'production', HOST: '127.0.0.1', HOSTNAME: '127.0.0.1' }
  return verify([...flags, '--', ...command], folder, { ...hosts, ...env })
}

async function verify(args, cwd, env = {}) {
  console.error(args.slice(args.indexOf('--') + 1).join(' '))
  const child = spawn(process.execPath, [bin, 'verify', '--json', ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'])
    child[name].setEncoding('utf8').on('data', (text) => {
      said[name] += text
    })
  const [status] = await once(child, 'close')
  if (status === null || status > 1) throw new Error(said.stderr)
  return JSON.parse(said.stdout)
}

function versionOf(name) {
  const file = path.join(root, 'node_modules', name, 'package.json')
  return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`
}

async function scoreboard() {
  const columns = rows[0].report.situations
    .map(({ name }) => name)
    .filter((name) => rows.some((row) => verdictOf(row, name) !== 'skip'))
  const tables = [columns.slice(0, 8), columns.slice(8)].map((names) => table(names))
  return `# Scoreboard

The results of \`zerodrop verify\` for a stop by SIGTERM. Each server follows the documentation of its framework or library.
[verify.md](verify.md) explains the situations, and how to test your own server.

✓ means that no request was lost and the process ended, ✗ that a request was lost or the process did not end, and – that the server has no such
route. Each situation ran once. If a result depends on which of two events the server handles first, another run may score one more or one less.

${summaryTable()}

## Situation by situation

${tables.join('\n\n')}

## How

\`npm run scoreboard\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${os.type()} ${os.release()}, ${os.cpus().length} cores,
zerodrop ${commit()}. Routes: \`${routes.join(' ')}\` for the servers in
[benchmarks/scoreboard](../benchmarks/scoreboard), \`--slow\` alone for the frameworks, which are the applications of the
[battery](../packages/battery). Round trip 30 ms, limit 15 s.
`
}

function summaryTable() {
  const lines = rows.map(({ title, versions, report: { passed, failed, situations } }) => {
    const race = countsOf(situations.find(({ name }) => name === 'keep-alive-race'))
    return `| ${title} | ${versions.join(', ')} | ${passed} of ${passed + failed} | ${race} |`
  })
  return [
    '| server | versions | passed | requests lost in the keep-alive race |',
    '| --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}

function countsOf({ runs }) {
  const { counts } = runs[0]
  const lost = ['hung', 'cut', 'reset', 'lost', 'failed'].reduce((sum, name) => sum + (counts[name] ?? 0), 0)
  return `${lost} of 30 clients`
}

function table(names) {
  const lines = rows.map(
    (row) =>
      `| ${row.title} | ${names.map((name) => ({ pass: '✓', fail: '✗', skip: '–' })[verdictOf(row, name)]).join(' | ')} |`,
  )
  return [`| server | ${names.join(' | ')} |`, `| --- |${' --- |'.repeat(names.length)}`, ...lines].join('\n')
}

function verdictOf({ report }, name) {
  return report.situations.find((situation) => situation.name === name)?.verdict ?? 'skip'
}

function commit() {
  return spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim()
}
