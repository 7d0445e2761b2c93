import http from 'node:http'
import stoppable from 'stoppable'
import { application, listen } from './control.mjs'

const server = stoppable(http.createServer(application))
process.on('SIGTERM', () => server.stop(() => process.exit()))
listen(server)
