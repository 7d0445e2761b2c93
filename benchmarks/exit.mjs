/** How quickly, and at what loss, a server ends after SIGTERM. */
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { LostRequest, RawClient, startDelayProxy } from '@zerodrop/traffic'
import { HeldConnections } from './lib/held-connections.mjs'
import { ServerProcess } from './lib/server-process.mjs'
import { median } from './lib/statistics.mjs'

/** As the table calls them, and the program of each in `servers/`. */
export const variants = new Map([
  ['no library', 'http-base'],
  ['zerodrop', 'http-zerodrop'],
  ['zerodrop, lingerTimeout: 0', 'http-zerodrop-linger0'],
  ['http-terminator', 'http-http-terminator'],
  ['@godaddy/terminus', 'http-terminus'],
  ['stoppable', 'http-stoppable'],
  ['http-graceful-shutdown', 'http-http-graceful-shutdown'],
  ['close-with-grace', 'http-close-with-grace'],
  ['Fastify, no library', 'fastify-base'],
  ['zerodrop, Fastify', 'fastify-zerodrop'],
  ['fastify-graceful-shutdown', 'fastify-graceful-shutdown'],
])

/** Each measurement resolves with what one server process did. */
export const measurements = { nothing, inFlight, idle, busy }

/** Milliseconds from SIGTERM to the exit, with no connection at all. */
async function nothing(server) {
  const signalled = performance.now()
  server.kill('SIGTERM')
  const { at, code, signal } = await server.exited
  return { milliseconds: at - signalled, ended: code ?? signal }
}

/** Milliseconds from the end of the last response, as its client sees it, to the exit. */
async function inFlight(server) {
  const socket = net.connect(server.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET /hold HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await server.message('holding')
  server.kill('SIGTERM')
  // Time enough for the drain to have begun, and less than any of these takes for its deadline.
  const early = await Promise.race([delay(200), server.exited])
  if (early !== undefined) return { lost: 1, ended: early.code ?? early.signal }
  server.send('release')
  let text = ''
  for await (const chunk of socket) {
    text += chunk
    if (text.endsWith('held')) break
  }
  const answered = performance.now()
  const { at, code, signal } = await server.exited
  return { milliseconds: at - answered, lost: text.endsWith('held') ? 0 : 1, ended: code ?? signal }
}

/** Milliseconds from SIGTERM to the exit, with many idle connections. */
async function idle(server, { connections, exitTimeout }) {
  const held = await HeldConnections.open(server.port, connections)
  try {
    const signalled = performance.now()
    server.kill('SIGTERM')
    const result = await Promise.race([server.exited, delay(exitTimeout, undefined, { ref: false })])
    if (result === undefined) return { ended: 'no exit' }
    const resets = await held.resets()
    return { milliseconds: result.at - signalled, ended: result.code ?? result.signal, resets }
  } finally {
    await held.close()
  }
}

/**
 * Requests lost by clients 30 ms away that ask again and again, each on one connection for as long as it is open. They
 * do not connect again: where they would is not this process any more.
 */
async function busy(server, { exitTimeout }) {
  const proxy = await startDelayProxy({ targetPort: server.port })
  const counts = { answered: 0, after: 0, lost: 0 }
  let signalled
  const clients = Array.from({ length: 100 }, async () => {
    const client = await RawClient.connect({ port: proxy.port })
    const end = performance.now() + 1500 + exitTimeout
    while (client.open && !client.sawClose && performance.now() < end) {
      try {
        await client.request({ timeout: exitTimeout })
        counts.answered++
        if (signalled !== undefined) counts.after++
      } catch (error) {
        if (error instanceof LostRequest) counts.lost++
      }
      await delay(Math.random() * 20)
    }
    client.destroy()
  })
  await delay(1500)
  signalled = performance.now()
  server.kill('SIGTERM')
  const result = await Promise.race([server.exited, delay(exitTimeout, undefined, { ref: false })])
  if (result === undefined) server.kill('SIGKILL')
  await Promise.all(clients)
  await proxy.close()
  const ended = result === undefined ? 'no exit' : (result.code ?? result.signal)
  return { ...counts, ended, ...(result && { milliseconds: result.at - signalled }) }
}

export async function exit({ what, rounds, connections, exitTimeout, onResult }) {
  const results = new Map([...variants.keys()].map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, program] of variants) {
      const server = await ServerProcess.start(program)
      try {
        const result = await measurements[what](server, { connections, exitTimeout })
        results.get(name).push(result)
        onResult(name, result)
      } finally {
        await server.stop()
      }
    }
  }
  return [...results].map(([name, runs]) => summarize(name, runs))
}

function summarize(name, results) {
  const times = results.map(({ milliseconds }) => milliseconds).filter((time) => time !== undefined)
  const total = (what) => results.reduce((sum, result) => sum + (result[what] ?? 0), 0)
  return {
    name,
    milliseconds: times.length === 0 ? undefined : Math.round(median(times)),
    slowest: times.length === 0 ? undefined : Math.round(Math.max(...times)),
    ended: [...new Set(results.map(({ ended }) => ended))].join(', '),
    lost: total('lost'),
    resets: total('resets'),
    requestsAfter: total('after'),
    runs: results.length,
  }
}
