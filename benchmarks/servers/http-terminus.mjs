import http from 'node:http'
import { createTerminus } from '@godaddy/terminus'
import { application, listen } from './control.mjs'

const server = http.createServer(application)
createTerminus(server, { healthChecks: { '/healthcheck': () => Promise.resolve() } })
listen(server)
