import http from 'node:http'
import { lifecycle } from '@zerodrop/core'
import { WebSocketServer } from 'ws'
import { application, listen } from './control.mjs'

const server = http.createServer(application)
lifecycle.handover.websockets(new WebSocketServer({ server }))
lifecycle.configure()
listen(server)
