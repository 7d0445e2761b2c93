/** Common to all servers here: each prints the address at which it listens, and obeys the benchmark's messages. */
import { setImmediate as turn } from 'node:timers/promises'

const held = []
let obeying = false

/** The application on plain http: answers at once, or for `/hold` when told to. */
export function application(request, response) {
  if (request.url === '/hold') hold(() => response.end('held'))
  else response.end('hello')
}

/** Listens where only this machine can connect, and obeys. */
export function listen(server) {
  server.listen(0, '127.0.0.1', () => announce(server))
}

export function announce(server) {
  // Idle connections have to outlive the opening of thousands of others.
  server.keepAliveTimeout = 300_000
  if (!obeying) {
    process.on('message', (message) => void obey(message))
    // Nobody is left to end this process if the benchmark is killed.
    process.on('disconnect', () => process.exit(1))
  }
  obeying = true
  // The channel must not keep a server alive that has ended by itself.
  process.channel.unref()
  process.send({ type: 'listening', port: server.address().port })
  process.emit('benchmark:listening')
}

/** Calls back with the variant that this server is to be from now on. */
export function onSwitch(use) {
  process.on('message', ({ type, variant }) => {
    if (type !== 'switch') return
    use(variant)
    process.send({ type: 'switched' })
  })
}

/** Keeps a request waiting until the benchmark releases it. */
export function hold(answer) {
  held.push(answer)
  process.send({ type: 'holding' })
}

async function obey(message) {
  if (message.type === 'release') for (const answer of held.splice(0)) answer()
  if (message.type === 'memory') process.send({ type: 'memory', ...(await memory()) })
}

/** What is in use once nothing more can be collected. Needs --expose-gc. */
async function memory() {
  for (let round = 0; round < 6; round++) {
    globalThis.gc()
    await turn()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heapUsed, external, rss }
}
