import http from 'node:http'
import { lifecycle } from '@zerodrop/core'

// Adds what the plugins add to a framework. Every server of this process is found when it listens.
lifecycle.configure()

const server = http.createServer((_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ generation: lifecycle.generation, pid: process.pid }))
})

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port }))
})
