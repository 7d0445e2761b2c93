import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { graceful } from '@zerodrop/koa'
import Koa from 'koa'

// Change version.txt to simulate a deploy: each generation reads it once, at its start.
const version = readFileSync(new URL('version.txt', import.meta.url), 'utf8').trim()
const app = new Koa()

app.use(graceful())

app.use(async (context) => {
  if (context.path === '/slow') await delay(Number(context.query.ms ?? 300))
  context.body = { version, pid: process.pid }
  if (context.path === '/upload') {
    let bytes = 0
    for await (const chunk of context.req) bytes += chunk.length
    context.body = { bytes, version, pid: process.pid }
  }
})

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port, version }))
})
