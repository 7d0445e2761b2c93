import http from 'node:http'
import { lifecycle } from '@zerodrop/core'
import { application, port, say } from './application.mjs'

lifecycle.configure()
http.createServer(application).listen(port, '127.0.0.1', () => say('listening'))
