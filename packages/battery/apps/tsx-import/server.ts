import { setTimeout as delay } from 'node:timers/promises'
import express, { type Request, type Response } from 'express'

declare global {
  var batteryCleanUp: () => void
}

const app = express()
app.get('/', (_request: Request, response: Response) => response.json({ pid: process.pid }))
app.get('/slow', async (request: Request, response: Response) => {
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
