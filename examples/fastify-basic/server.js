import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { gracefulPlugin } from '@zerodrop/fastify'
import Fastify from 'fastify'

// Change version.txt to simulate a deploy: each generation reads it once, at its start.
const version = readFileSync(new URL('version.txt', import.meta.url), 'utf8').trim()
const app = Fastify()

app.register(gracefulPlugin)

app.addContentTypeParser('*', (_request, _payload, done) => done(null))

app.get('/', async () => ({ version, pid: process.pid }))

app.get('/slow', async (request) => {
  await delay(Number(request.query.ms ?? 300))
  return { version, pid: process.pid }
})

app.post('/upload', async (request) => {
  let bytes = 0
  for await (const chunk of request.raw) bytes += chunk.length
  return { bytes, version, pid: process.pid }
})

await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(
  JSON.stringify({ event: 'listening', pid: process.pid, port: app.server.address().port, version }),
)
