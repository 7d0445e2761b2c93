/**
 * `npm run keeper-size [deploys] [run]`: restarts a server 300 times and prints what its keeper uses meanwhile: memory,
 * descriptors and processes. The server becomes its own keeper at the first restart where Node can replace the program of a
 * process; with `run`, and elsewhere, it is started by `zerodrop run`. Fails if descriptors or processes grow, or if the
 * memory that is the keeper's own grows by more than 4 MiB in the second half.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { setup } from './setup.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const server = join(root, 'packages/conformance/fixtures/keep-pid/server.mjs')
const [deploys = '300', how = 'execve' in process ? 'itself' : 'run'] = process.argv.slice(2)
const count = Number(deploys)
const mebibyte = 1024 ** 2

if (!/^[1-9]\d*$/.test(deploys) || !['itself', 'run'].includes(how)) {
  console.error(
    'Usage: npm run keeper-size -- [deploys] [itself|run], a whole number from 1 on; 300 without it',
  )
  process.exit(2)
}
if (process.platform !== 'linux') {
  console.log(`keeper-size needs Linux, this is ${process.platform}: nothing was run`)
  process.exit(0)
}

await setup()
const folder = mkdtempSync(join(tmpdir(), 'zerodrop-'))
const file = join(folder, 'deploy.json')
const port = await freePort()
const deploy = (version) =>
  writeFileSync(
    file,
    JSON.stringify({ version: String(version), port, options: { keepPid: how !== 'run', lingerTimeout: 0 } }),
  )
deploy(1)
const bin = join(root, 'packages/cli/dist/main.js')
const args = how === 'run' ? [bin, 'run', '--control', join(folder, 'control'), server] : [server]
const keeper = spawn(process.execPath, args, {
  env: { ...process.env, ZERODROP_TEST_DEPLOY: file },
  stdio: ['ignore', 'pipe', 'ignore'],
})
// The server drains and ends by itself when its keeper is gone.
process.on('exit', () => keeper.kill('SIGKILL'))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
const waiting = new Set()
createInterface({ input: keeper.stdout }).on('line', (text) => {
  const line = JSON.parse(text)
  for (const each of waiting) each(line)
})
/** Resolves at the next line of this kind. */
const heard = (matches) =>
  new Promise((resolve) => {
    const each = (line) => {
      if (!matches(line)) return
      waiting.delete(each)
      resolve(line)
    }
    waiting.add(each)
  })

let { pid: serving } = await heard(({ event }) => event === 'listening')
console.log(
  `Node ${process.version}, the keeper is ${how === 'run' ? '"zerodrop run"' : 'the first process'}, pid ${keeper.pid}`,
)
console.log('deploys  resident MiB  own MiB  descriptors  processes  median ms')
const rows = []
let times = []
for (let deployed = 1; deployed <= count; deployed++) {
  deploy(deployed + 1)
  const begun = performance.now()
  const keeps = deployed === 1 && how !== 'run' ? heard(({ event }) => event === 'keeper') : undefined
  const old = serving
  const ended = heard(({ event, pid }) => event === 'exit listener' && pid === old)
  const listening = heard(({ event }) => event === 'listening')
  keeper.kill('SIGHUP')
  serving = (await listening).pid
  await ended
  await keeps
  times.push(performance.now() - begun)
  if (deployed > 1 && deployed % Math.ceil(count / 6) !== 0) continue
  // The serving generation, and the zombie of the generation that took over at the first restart.
  for (let waits = 0; size().processes > 2 && waits < 100; waits++) await delay(20)
  rows.push(size())
  const { resident, own, descriptors, processes } = rows.at(-1)
  const median = times.toSorted((one, other) => one - other)[times.length >> 1]
  times = []
  console.log(
    [deployed, mib(resident), mib(own), descriptors, processes, Math.round(median)]
      .map((value, index) => String(value).padStart([7, 12, 7, 11, 9, 9][index]))
      .join('  '),
  )
}
keeper.kill('SIGTERM')
const [code] = await new Promise((resolve) => keeper.once('exit', (...end) => resolve(end)))
rmSync(folder, { recursive: true })

const [middle, last] = [rows[rows.length >> 1], rows.at(-1)]
const grown = last.own - middle.own
const grows =
  last.descriptors > middle.descriptors || last.processes > middle.processes || grown > 4 * mebibyte
console.log(
  `${grows ? 'it grows' : 'flat'}: ${(grown / mebibyte).toFixed(1)} MiB more of its own in the second half; it ended with ${code}`,
)
process.exitCode = grows || code !== 0 ? 1 : 0

function size() {
  const status = readFileSync(`/proc/${keeper.pid}/status`, 'utf8')
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]) * 1024
  return {
    resident: field('VmRSS'),
    own: field('RssAnon'),
    descriptors: readdirSync(`/proc/${keeper.pid}/fd`).length,
    processes: readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8').trim().split(' ')
      .length,
  }
}

function mib(bytes) {
  return (bytes / mebibyte).toFixed(1)
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address()
      probe.close(() => resolve(free))
    })
  })
}
