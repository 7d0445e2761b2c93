import http from 'node:http'
import { lifecycle } from '@zerodrop/core'
import { handler, host, port } from './routes.mjs'

const server = http.createServer((request, response) => {
  request.draining = lifecycle.draining(request)
  handler(request, response)
})
lifecycle.attach(server)
server.listen(port, host)
