import http from 'node:http'
import { lifecycle } from '@zerodrop/core'
import { application, listen } from './control.mjs'

lifecycle.configure({ lingerTimeout: 0 })
listen(http.createServer(application))
