import { setTimeout as delay } from 'node:timers/promises'
import express from 'express'

const app = express()
app.get('/', (_request, response) => response.json({ pid: process.pid }))
app.get('/slow', async (request, response) => {
  await delay(Number(request.query.ms))
  response.json({ pid: process.pid })
})
const server = app.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGINT', () => {
  server.close(() => {
    globalThis.batteryCleanUp()
    process.exit(0)
  })
})
