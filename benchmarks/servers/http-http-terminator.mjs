import http from 'node:http'
import { createHttpTerminator } from 'http-terminator'
import { application, listen } from './control.mjs'

const server = http.createServer(application)
const httpTerminator = createHttpTerminator({ server })
process.on('SIGTERM', () => {
  void httpTerminator.terminate().then(() => process.exit())
})
listen(server)
