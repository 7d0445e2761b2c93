/** Opens connections (argv: port, count), makes one request on each, and keeps them until the server ends them. */
import { once } from 'node:events'
import net from 'node:net'

const [port, count] = process.argv.slice(2).map(Number)
const request = Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
const atOnce = 100
/** One address has some 28 000 ports for connections to one server. */
const portsPerAddress = 10_000
const sockets = []
let resets = 0

for (let opened = 0; opened < count; opened += atOnce) {
  const batch = Array.from({ length: Math.min(atOnce, count - opened) }, (_, index) => hold(opened + index))
  await Promise.all(batch)
}
process.send({ type: 'held' })

async function hold(index) {
  const localAddress = `127.0.0.${2 + Math.floor(index / portsPerAddress)}`
  const socket = net.connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  socket.on('error', () => resets++)
  await once(socket, 'connect')
  sockets.push(socket)
  await ask(socket)
  socket.resume()
}

async function ask(socket) {
  socket.write(request)
  await once(socket, 'data')
}

/** How many of the connections are open and answer once more. */
async function askAll() {
  const open = sockets.filter((socket) => socket.writable && !socket.readableEnded)
  let answered = 0
  for (let asked = 0; asked < open.length; asked += atOnce) {
    const batch = open.slice(asked, asked + atOnce).map(async (socket) => {
      const closed = once(socket, 'close').then(() => false)
      if (await Promise.race([ask(socket).then(() => true), closed])) answered++
    })
    await Promise.allSettled(batch)
  }
  return answered
}

process.on('disconnect', () => process.exit(1))
process.on('message', (message) => {
  if (message === 'ask') void askAll().then((answered) => process.send({ type: 'asked', answered }))
  else process.send({ type: 'resets', resets })
})
