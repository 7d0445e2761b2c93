import http from 'node:http'
import { handler, host, port } from './routes.mjs'

http.createServer(handler).listen(port, host)
