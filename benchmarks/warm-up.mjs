/** What the clients of a template-rendering application notice of a restart, with and without `warmUp`. */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { startApp } from '@zerodrop/conformance'
import { freePort, RawClient, startDelayProxy } from '@zerodrop/traffic'
import { quantile } from './lib/statistics.mjs'

const server = fileURLToPath(new URL('servers/express-templates.mjs', import.meta.url))

/** The clients, and how long each of them pauses between two requests, in milliseconds: some 150 requests a second. */
const clients = 8
const pause = 50

/** How long each quiet time is, in milliseconds, and how much of what follows a handover belongs to the restart. */
const quietTime = 3000
const firstSecond = 1000

/** What is compared: the options of the server. */
const variants = {
  'without warm-up': {},
  'with warm-up': { readyCheck: '/', warmUp: 200 },
}

/**
 * @param roundTrip milliseconds between clients and server; 0 for the loopback
 * @returns for each variant the latencies in quiet times, around restarts, around the control, and in the first second
 *   after a handover
 */
export async function warmUp({ rounds, roundTrip, onResult }) {
  const results = []
  for (const [name, options] of Object.entries(variants)) {
    const result = { name, ...(await measure({ rounds, roundTrip, options })) }
    onResult(result)
    results.push(result)
  }
  return results
}

async function measure({ rounds, roundTrip, options }) {
  const port = await freePort()
  const app = await start(port, options)
  const proxy = roundTrip > 0 ? await startDelayProxy({ targetPort: port, roundTrip }) : undefined
  const stop = new AbortController()
  const requests = []
  let lost = 0
  try {
    await app.waitFor('ready')
    const asking = Array.from({ length: clients }, () =>
      ask(proxy?.port ?? port, stop.signal, requests).catch(() => lost++),
    )
    // The first generation is cold as well.
    await delay(quietTime)
    const restarts = []
    const controls = []
    for (let round = 0; round < rounds; round++) {
      await delay(quietTime)
      restarts.push(await restart(app))
      await delay(quietTime)
      controls.push(await startBeside(options))
    }
    stop.abort()
    await Promise.all(asking)
    return { lost, ...sorted(requests, restarts, controls) }
  } finally {
    stop.abort()
    await proxy?.close()
    await app.stop()
  }
}

/** On every core, as a server is deployed: this process and what it starts are bound to the clients' core. */
function start(port, options) {
  return startApp({
    file: server,
    args: [String(port), JSON.stringify(options)],
    execPath: 'taskset',
    execArgv: ['-c', `0-${availableParallelism() - 1}`, process.execPath],
  })
}

async function restart(app) {
  const from = app.lines.length
  const begun = Date.now()
  const pid = app.signal('SIGHUP')
  const { at: served } = await app.waitFor('serving', { from })
  await Promise.all([app.exitOf(pid), delay(firstSecond)])
  return { begun, served, ended: Date.now() }
}

/**
 * Starts the same server on another port and stops it when it is ready. No connection moves: what the clients of the first
 * server notice is what the start of a process costs on this machine, whoever starts it.
 */
async function startBeside(options) {
  const begun = Date.now()
  const beside = await start(await freePort(), options)
  try {
    const { at: served } = await beside.waitFor('ready')
    beside.signal('SIGTERM')
    await Promise.all([beside.exited, delay(firstSecond)])
    return { begun, served, ended: Date.now() }
  } finally {
    await beside.stop()
  }
}

/** One client on one connection, which asks again and again until it is stopped. */
async function ask(port, stopped, requests) {
  const client = await RawClient.connect({ port })
  try {
    while (!stopped.aborted) {
      const begun = Date.now()
      const precisely = performance.now()
      await client.request({ timeout: 30_000 })
      requests.push({ begun, milliseconds: performance.now() - precisely })
      await delay(pause)
    }
  } finally {
    client.destroy()
  }
}

function sorted(requests, restarts, controls) {
  const during = (spans) =>
    requests.filter((request) =>
      spans.some(
        ({ begun, ended }) => request.begun + request.milliseconds >= begun && request.begun <= ended,
      ),
    )
  const around = during(restarts)
  const beside = during(controls)
  const disturbed = new Set([...around, ...beside])
  const quiet = requests.filter(
    (request) => !disturbed.has(request) && request.begun > requests[0].begun + quietTime,
  )
  const first = requests.filter(({ begun }) =>
    restarts.some(({ served }) => begun >= served && begun < served + firstSecond),
  )
  const times = (list) => list.map(({ milliseconds }) => milliseconds)
  const p99 = (list) => quantile(times(list), 0.99)
  return {
    requests: requests.length,
    quiet: p99(quiet),
    around: p99(around),
    control: p99(beside),
    first: p99(first),
    slowest: Math.max(...times(first)),
  }
}
