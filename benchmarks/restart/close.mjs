/** As Node's documentation and most guides end a server. */
import http from 'node:http'
import { application, port, say } from './application.mjs'

const server = http.createServer(application)
server.listen(port, '127.0.0.1', () => say('listening'))
process.on('SIGTERM', () => server.close(() => process.exit(0)))
