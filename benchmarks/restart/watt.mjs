/** Watt puts itself before `listen()` and closes the server itself. https://docs.platformatic.dev/docs/reference/node/overview */
import http from 'node:http'
import { application, port } from './application.mjs'

http.createServer(application).listen(port)
