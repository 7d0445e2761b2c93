import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { createTerminus } from '@godaddy/terminus'
import express from 'express'

const app = express()
app.get('/', (_request, response) => response.json({ pid: process.pid }))
app.get('/slow', async (request, response) => {
  await delay(Number(request.query.ms))
  response.json({ pid: process.pid })
})
const server = http.createServer(app)
createTerminus(server, {
  healthChecks: { '/healthcheck': async () => {} },
  signals: ['SIGTERM', 'SIGINT'],
  onSignal: async () => globalThis.batteryCleanUp(),
})
server.listen(Number(process.env.PORT), '127.0.0.1')
