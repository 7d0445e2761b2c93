import cluster from 'node:cluster'
import { setTimeout as delay } from 'node:timers/promises'
import express from 'express'

if (cluster.isPrimary) {
  for (let count = 0; count < 2; count++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM')
  })
} else {
  const app = express()
  app.get('/', (_request, response) => response.json({ pid: process.pid }))
  app.get('/slow', async (request, response) => {
    await delay(Number(request.query.ms))
    response.json({ pid: process.pid })
  })
  const server = app.listen(Number(process.env.PORT), '127.0.0.1')
  process.on('SIGTERM', () => {
    server.close(() => {
      globalThis.batteryCleanUp()
      process.exit(0)
    })
  })
}
