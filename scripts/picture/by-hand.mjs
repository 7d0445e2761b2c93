/** A restart without a library: start the new process on the same port, and exit once it is there. */
import { spawn } from 'node:child_process'
import http from 'node:http'

const server = http.createServer((_request, response) => response.end('hello'))
process.once('SIGHUP', () => {
  server.close()
  spawn(process.execPath, process.argv.slice(1), { stdio: 'inherit' }).once('spawn', () => process.exit(0))
})
server.listen(Number(process.env.PORT), '127.0.0.1')
