import http from 'node:http'
import stoppable from 'stoppable'
import { expressRoutes, host, port } from './routes.mjs'

const server = stoppable(http.createServer(expressRoutes())).listen(port, host)
process.on('SIGTERM', () => server.stop(() => process.exit()))
