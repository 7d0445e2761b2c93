import http from 'node:http'
import { lifecycle } from '@zerodrop/core'

lifecycle.configure()
// Without this line, a restart ends the streams and their clients reconnect.
lifecycle.handover.streams()

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const tick = () => response.write(`data: ${JSON.stringify({ generation: lifecycle.generation })}\n\n`)
  tick()
  const timer = setInterval(tick, 200)
  response.on('close', () => clearInterval(timer))
  // Aborts at a stop, but not for a stream that moves to a new version.
  lifecycle.draining(request).addEventListener('abort', () => response.end())
})

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port }))
})
