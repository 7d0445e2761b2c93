import { setTimeout as delay } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const app = new Hono()
app.get('/', (context) => context.json({ pid: process.pid }))
app.get('/slow', async (context) => {
  await delay(Number(context.req.query('ms')))
  return context.json({ pid: process.pid })
})
const server = serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
process.on('SIGINT', () => {
  server.close()
  process.exit(0)
})
process.on('SIGTERM', () => {
  server.close((error) => {
    globalThis.batteryCleanUp()
    if (error) {
      console.error(error)
      process.exit(1)
    }
    process.exit(0)
  })
})
