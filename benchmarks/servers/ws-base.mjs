import http from 'node:http'
import { WebSocketServer } from 'ws'
import { application, listen } from './control.mjs'

const server = http.createServer(application)
new WebSocketServer({ server })
listen(server)
