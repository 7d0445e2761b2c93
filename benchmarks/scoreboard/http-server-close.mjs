import http from 'node:http'
import { handler, host, port } from './routes.mjs'

const server = http.createServer(handler).listen(port, host)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
