import { graceful } from '@zerodrop/express'
import express from 'express'

const port = Number(process.env.PORT ?? 3001)
const app = express()

app.use(
  graceful({
    // HAProxy requests /readyz every 500 ms and needs two failures, so after 2 s it sends no more requests to this server.
    health: true,
    drainDelay: 2000,
    pidFile: `${process.env.RUN ?? '.'}/${port}.pid`,
  }),
)

app.get('/', (_request, response) => {
  response.json({ version: process.env.VERSION ?? '1', pid: process.pid })
})

app.post('/upload', (request, response) => {
  let bytes = 0
  request.on('data', (chunk) => {
    bytes += chunk.length
  })
  request.on('end', () => response.json({ bytes, pid: process.pid }))
})

const server = app.listen(port, '127.0.0.1')
// Longer than HAProxy keeps an idle connection.
server.keepAliveTimeout = 65_000
