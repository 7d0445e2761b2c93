/** Opens connections (argv: port, count, protocol), makes one request on each, and keeps them until the server ends them. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'

const [port, count] = process.argv.slice(2, 4).map(Number)
const [protocol] = process.argv.slice(4)
const plain = Buffer.from('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
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
  socket.write(protocol === 'websocket' ? upgrade() : plain)
  await once(socket, 'data')
}

/** As Chromium asks for a WebSocket, each with a key of its own. */
function upgrade() {
  const lines = [
    'GET /socket HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Pragma: no-cache',
    'Cache-Control: no-cache',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36',
    'Upgrade: websocket',
    `Origin: http://127.0.0.1:${port}`,
    'Sec-WebSocket-Version: 13',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-US,en;q=0.9',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
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
