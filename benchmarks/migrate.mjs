/** How quickly idle connections move to the next process, and what that leaves behind. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { startApp } from '@zerodrop/conformance'
import { startTraffic } from '@zerodrop/traffic'
import { HeldConnections } from './lib/held-connections.mjs'

const server = fileURLToPath(new URL('../packages/conformance/fixtures/restart/servers.mjs', import.meta.url))
const cli = fileURLToPath(new URL('../packages/cli/dist/main.js', import.meta.url))
const drainTimeout = 120_000

/**
 * Restarts a server that holds idle connections, again and again, while a few clients ask on.
 * @param keeper whether the server runs below `zerodrop run`
 * @returns for each restart how long the move took and what the new process holds then, and what clients lost in all
 */
export async function migrate({ rounds, connections, port, keeper, onResult }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
  const deployFile = path.join(folder, 'deploy.json')
  // Idle connections have to outlive the opening of thousands of others.
  const web = {
    kind: 'http',
    name: 'web',
    listen: { port, host: '127.0.0.1' },
    set: { keepAliveTimeout: 300_000 },
  }
  writeFileSync(deployFile, JSON.stringify({ servers: [web], options: { drainTimeout } }))
  const run = ['run', '--control', path.join(folder, 'control.sock'), server]
  const app = await startApp({
    ...(keeper ? { file: cli, args: run } : { file: server }),
    env: { ZERODROP_TEST_DEPLOY: deployFile },
  })
  let held
  let traffic
  try {
    await app.waitFor('listening')
    held = await HeldConnections.open(port, connections)
    traffic = startTraffic({
      port,
      keepAliveClients: 10,
      connectionClients: 2,
      slowClients: 0,
      uploadClients: 0,
    })
    await traffic.after(200)
    const results = []
    for (let round = 0; round < rounds; round++) {
      const result = await restart(app, held, traffic)
      results.push(result)
      onResult(result)
    }
    const { answered, lost, refused } = await traffic.stop()
    return { results, traffic: { answered, lost, refused } }
  } finally {
    await traffic?.stop()
    await held?.close()
    await app.stop()
    rmSync(folder, { recursive: true })
  }
}

async function restart(app, held, traffic) {
  const from = app.lines.length
  const before = app.signal('SIGHUP')
  const old = sizeOf(before)
  const { pid } = await app.waitFor('listening', { from, timeout: drainTimeout })
  await app.waitFor('handing-over', { from, timeout: drainTimeout })
  const begun = performance.now()
  const used = watchProcessors([before, pid])
  await app.exitOf(before, { timeout: drainTimeout })
  const milliseconds = performance.now() - begun
  const [sending, taking] = used()
  await traffic.after(200)
  const answered = await held.ask()
  const { memory, descriptors } = sizeOf(pid)
  return {
    milliseconds: Math.round(milliseconds),
    'per second': Math.round((answered * 1000) / milliseconds),
    kept: answered,
    'CPU, µs each, old': Math.round((sending * 1000) / answered),
    'CPU, µs each, new': Math.round((taking * 1000) / answered),
    'memory, MB': megabytes(memory),
    'of the old process': megabytes(old.memory),
    descriptors,
    'of the old one': old.descriptors,
  }
}

/** Returns a function that returns the CPU time, in milliseconds, that these processes have used since the call. */
function watchProcessors(pids) {
  const first = pids.map(processorTime)
  let last = first
  const timer = setInterval(() => {
    last = pids.map((pid, index) => processorTime(pid) ?? last[index])
  }, 20)
  return () => {
    clearInterval(timer)
    return last.map((time, index) => time - first[index])
  }
}

/** Milliseconds on a CPU, of all threads; undefined for a process that is gone. */
function processorTime(pid) {
  try {
    // Behind the name, which can contain anything, in ticks of 10 ms.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return undefined
  }
}

function sizeOf(pid) {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return { memory: Number(kilobytes) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length }
}

function megabytes(bytes) {
  return Math.round(bytes / 2 ** 20)
}
