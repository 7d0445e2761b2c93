import http from 'node:http'
import { promisify } from 'node:util'
import closeWithGrace from 'close-with-grace'
import { application, listen } from './control.mjs'

const server = http.createServer(application)
closeWithGrace(async () => {
  await promisify((done) => server.close(done))()
})
listen(server)
