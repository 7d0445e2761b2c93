/**
 * Rolls its workers on SIGHUP. Each is ended as the documentation has it: `disconnect()` closes its servers and waits for their
 * connections, and 2 s later `kill()` ends what still waits. https://nodejs.org/api/cluster.html#workerdisconnect
 */
import cluster from 'node:cluster'
import { once } from 'node:events'
import http from 'node:http'
import { application, port, say } from './application.mjs'

if (cluster.isPrimary) await primary()
else http.createServer(application).listen(port, '127.0.0.1')

async function primary() {
  await Promise.all([start(), start()])
  say('listening')
  process.on('SIGHUP', () => void roll())
}

async function roll() {
  for (const worker of Object.values(cluster.workers)) {
    await start()
    const exited = once(worker, 'exit')
    worker.disconnect()
    const timer = setTimeout(() => worker.kill(), 2000)
    await exited
    clearTimeout(timer)
  }
  say('restarted')
}

function start() {
  return once(cluster.fork(), 'listening')
}
