/** What clients notice of restarts under load, by zerodrop and by others. */
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, leftovers, startDelayProxy, startTraffic } from '@zerodrop/traffic'
import { installTools } from './lib/tools.mjs'
import { median } from './lib/statistics.mjs'
import { contestants } from './restart/contestants.mjs'

const roundTrip = 30
const load = { keepAliveClients: 50, connectionClients: 4, slowClients: 4, uploadClients: 4 }

/**
 * Restarts each of them a few times under the same load, one after the other.
 * @param only the names of those that take part, otherwise all
 */
export async function restart({ rounds, only, onResult }) {
  installTools()
  const results = []
  for (const contestant of contestants) {
    const { name, how } = contestant
    if (only !== undefined && !only.includes(name)) continue
    const missing = contestant.missing?.()
    const result = missing === undefined ? await measure(contestant, rounds) : { missing }
    results.push({ name, how, version: missing === undefined ? contestant.version() : '', ...result })
    onResult(results.at(-1))
  }
  return results
}

async function measure({ start }, rounds) {
  const undo = leftovers()
  const folder = mkdtempSync(path.join(tmpdir(), 'zd-'))
  undo.add(() => rmSync(folder, { recursive: true, force: true }))
  try {
    const port = await freePort()
    const restartOnce = await start({ port, folder, undo })
    await accepting(port)
    const proxy = await startDelayProxy({ targetPort: port, roundTrip })
    undo.add(() => proxy.close())
    const traffic = startTraffic({ port: proxy.port, directPort: port, ...load })
    undo.add(() => traffic.stop())
    await traffic.after(2000)
    const times = []
    for (let round = 0; round < rounds; round++) {
      traffic.mark(`restart ${round + 1}`)
      const begun = performance.now()
      await restartOnce()
      times.push(performance.now() - begun)
      await traffic.after(2000)
    }
    return summary(await traffic.stop(), times)
  } finally {
    await undo.disposeAll()
  }
}

function summary({ requests, lost, refused, connections }, times) {
  const { kept, clients } = connections
  return {
    requests,
    lost,
    refused,
    kept,
    clients,
    milliseconds: median(times),
  }
}

async function accepting(port) {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1')
    const accepted = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (accepted) return
    await delay(20)
  }
}
