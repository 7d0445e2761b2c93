/** Opens connections (argv: port, count), makes one request on each, and keeps them until the server ends them. */
import { once } from 'node:events'
import net from 'node:net'

const [port, count] = process.argv.slice(2).map(Number)
const request = Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
const atOnce = 100
/** One address has some 28 000 ports for connections to one server. */
const portsPerAddress = 10_000
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
  socket.write(request)
  await once(socket, 'data')
  socket.resume()
}

process.on('disconnect', () => process.exit(1))
process.on('message', () => process.send({ type: 'resets', resets }))
