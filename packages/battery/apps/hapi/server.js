import { setTimeout as delay } from 'node:timers/promises'
import Hapi from '@hapi/hapi'

const server = Hapi.server({ port: Number(process.env.PORT), host: '127.0.0.1' })
server.route({ method: 'GET', path: '/', handler: () => ({ pid: process.pid }) })
server.route({
  method: 'GET',
  path: '/slow',
  async handler(request) {
    await delay(Number(request.query.ms))
    return { pid: process.pid }
  },
})
server.ext('onPostStop', () => globalThis.batteryCleanUp())
await server.start()
process.on('SIGTERM', async () => {
  await server.stop({ timeout: 10_000 })
  process.exit(0)
})
