import http from 'node:http'
import gracefulShutdown from 'http-graceful-shutdown'
import { application, listen } from './control.mjs'

const server = http.createServer(application)
listen(server)
gracefulShutdown(server)
