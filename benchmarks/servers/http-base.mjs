import http from 'node:http'
import { application, listen } from './control.mjs'

listen(http.createServer(application))
