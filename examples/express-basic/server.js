import { readFileSync } from 'node:fs'
import { graceful } from '@zerodrop/express'
import express from 'express'

// Change version.txt to simulate a deploy: each generation reads it once, at its start.
const version = readFileSync(new URL('version.txt', import.meta.url), 'utf8').trim()
const app = express()

app.use(graceful())

app.get('/', (_request, response) => {
  response.json({ version, pid: process.pid })
})

app.get('/slow', (request, response) => {
  setTimeout(() => response.json({ version, pid: process.pid }), Number(request.query.ms ?? 300))
})

app.post('/upload', (request, response) => {
  let bytes = 0
  request.on('data', (chunk) => {
    bytes += chunk.length
  })
  request.on('end', () => response.json({ bytes, version, pid: process.pid }))
})

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port, version }))
})
