/** Under pm2 as its page "Graceful Start/Shutdown" has it. https://pm2.keymetrics.io/docs/usage/signals-clean-restart/ */
import http from 'node:http'
import { application, port } from './application.mjs'

const server = http.createServer(application)
server.listen(port, '127.0.0.1', () => process.send('ready'))
process.on('SIGINT', () => server.close(() => process.exit(0)))
