/** Holds connections, and sends the handle of each to a child, in the way that Node offers. */
import { fork } from 'node:child_process'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { application, listen } from './control.mjs'

const [kind] = process.argv.slice(2)
const sockets = []
const server = http.createServer(application)
server.on('connection', (socket) => sockets.push(socket))
const receiver = fork(fileURLToPath(new URL('floor-receiver.mjs', import.meta.url)), [kind], {
  stdio: 'inherit',
})
process.on('message', ({ type }) => {
  if (type === 'move') move()
})
listen(server)

function move() {
  const begun = performance.now()
  const before = process.cpuUsage()
  receiver.once('message', ({ taking }) => {
    const { user, system } = process.cpuUsage(before)
    process.send({ type: 'moved', milliseconds: performance.now() - begun, sending: user + system, taking })
  })
  receiver.send({ count: sockets.length })
  const sendNext = () => {
    const handle = sockets.pop()?._handle
    if (handle === undefined) return
    handle.readStop()
    // Not all at once: Node goes through its whole queue again with each receipt.
    receiver.send(0, handle, {}, () => {
      handle.close()
      sendNext()
    })
  }
  sendNext()
}
