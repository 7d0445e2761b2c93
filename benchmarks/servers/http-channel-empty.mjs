// What it would cost to listen to every request: a function that does nothing.
import { subscribe } from 'node:diagnostics_channel'
import http from 'node:http'
import { application, listen } from './control.mjs'

subscribe('http.server.request.start', () => {})
listen(http.createServer(application))
