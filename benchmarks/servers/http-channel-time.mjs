// What it would cost to know how old each request is.
import { subscribe } from 'node:diagnostics_channel'
import http from 'node:http'
import { application, listen } from './control.mjs'

const startedAt = Symbol('startedAt')
subscribe('http.server.request.start', ({ request }) => {
  request[startedAt] = performance.now()
})
listen(http.createServer(application))
