/** Takes handles from its parent, and says when it has all. */
import http from 'node:http'
import net from 'node:net'
import { application } from './control.mjs'

const server = http.createServer(application)
const take = {
  handle: (handle) => handle,
  http: (handle) => {
    server.emit('connection', new net.Socket({ handle, readable: true, writable: true }))
  },
}[process.argv[2]]
const kept = []
let left = 0
let before

process.on('message', (message, handle) => {
  if (handle === undefined) {
    left = message.count
    before = process.cpuUsage()
    return
  }
  kept.push(take(handle))
  left--
  if (left > 0) return
  const { user, system } = process.cpuUsage(before)
  process.send({ taking: user + system })
})
process.on('disconnect', () => process.exit(1))
