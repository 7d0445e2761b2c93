import http2 from 'node:http2'
import { lifecycle } from '@zerodrop/core'

// HTTP/2 sessions cannot move. At a stop or a restart, the client gets a GOAWAY, its streams finish, and it reconnects.
lifecycle.configure()

// For browsers use createSecureServer({ key, cert, allowHTTP1: true }).
const server = http2.createServer((request, response) => {
  const answer = () => response.end(JSON.stringify({ generation: lifecycle.generation, pid: process.pid }))
  if (request.url === '/slow') setTimeout(answer, 300)
  else answer()
})

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port }))
})
