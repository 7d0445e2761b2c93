import { setTimeout as delay } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'

const app = Fastify()
app.addHook('onClose', async () => globalThis.batteryCleanUp())
app.get('/', async () => ({ pid: process.pid }))
app.get('/slow', async (request) => {
  await delay(Number(request.query.ms))
  return { pid: process.pid }
})
closeWithGrace(async ({ err }) => {
  if (err) app.log.error(err)
  await app.close()
})
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
