import http from 'node:http'
import { createTerminus } from '@godaddy/terminus'
import { expressRoutes, host, port } from './routes.mjs'

const server = http.createServer(expressRoutes())
createTerminus(server, { signal: 'SIGTERM', healthChecks: { '/healthcheck': () => Promise.resolve() } })
server.listen(port, host)
