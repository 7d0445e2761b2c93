import http from 'node:http'
import { lifecycle } from '@zerodrop/core'

// Does for plain node:http what the plugins do for a framework. zerodrop finds every server of this process when it listens.
lifecycle.configure()

const server = http.createServer((_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ generation: lifecycle.generation, pid: process.pid }))
})

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port }))
})
